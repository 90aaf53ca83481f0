// Verifies with the libraries of Standard Webhooks and Svix. The answer is 200 with what the
// library found in the body, or 401 with what it said.
import express from "express";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

const secret = process.env.WEBHOOK_SECRET;
const routes = {
  "/standardwebhooks": (req) => new StandardWebhook(secret).verify(req.body, req.headers),
  "/svix": (req) => new SvixWebhook(secret).verify(req.body, req.headers),
};

const app = express();
app.use(express.text({ type: "*/*" }));
for (const [path, check] of Object.entries(routes)) {
  app.post(path, (req, res) => {
    try {
      res.json(check(req));
    } catch (error) {
      res.status(401).json({ error: String(error) });
    }
  });
}
app.listen(Number(process.argv[2]), "127.0.0.1");
