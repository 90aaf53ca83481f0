// Verifies with the own libraries of GitHub, Stripe and Shopify. A route for each; the answer is
// 200 with what the library found in the body, or 401 with what it said.
import "@shopify/shopify-api/adapters/node";
import { LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { verify } from "@octokit/webhooks-methods";
import express from "express";
import Stripe from "stripe";

const secret = process.env.WEBHOOK_SECRET;
const stripe = new Stripe("not-used");
const shopify = shopifyApi({
  apiKey: "not-used",
  apiSecretKey: secret,
  apiVersion: "2025-07",
  hostName: "receiver.example.com",
  isEmbeddedApp: false,
  logger: { level: LogSeverity.Error },
});

async function github(req) {
  if (!(await verify(secret, req.body, req.get("X-Hub-Signature-256")))) {
    throw new Error("the signature does not match");
  }
  return { event: req.get("X-GitHub-Event"), delivery: req.get("X-GitHub-Delivery") };
}

async function shopifyWebhook(req) {
  const found = await shopify.webhooks.validate({
    rawBody: req.body,
    rawRequest: req,
  });
  if (!found.valid) {
    throw new Error(JSON.stringify(found));
  }
  return found;
}

const routes = {
  "/github": github,
  "/stripe": (req) =>
    stripe.webhooks.constructEvent(req.body, req.get("Stripe-Signature"), secret),
  "/shopify": shopifyWebhook,
};

const app = express();
app.use(express.text({ type: "*/*" }));
for (const [path, check] of Object.entries(routes)) {
  app.post(path, async (req, res) => {
    try {
      res.json(await check(req));
    } catch (error) {
      res.status(401).json({ error: String(error) });
    }
  });
}
app.listen(Number(process.argv[2]), "127.0.0.1");
