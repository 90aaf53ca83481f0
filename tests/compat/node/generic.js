// The generic API on Express. /snippet is the short example of a documentation; /complete also
// answers an event that it has seen before. Both stringify the parsed body to verify it.
const crypto = require("node:crypto");
const express = require(process.env.EXPRESS);

const app = express();
app.use(express.json());

const secret = process.env.WEBHOOK_SECRET;
const processed = new Set();

function verify(payload, signature) {
  const expected = "sha256=" + crypto.createHmac("sha256", secret).update(payload).digest("hex");
  return crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}

app.post("/snippet", (req, res) => {
  if (!verify(JSON.stringify(req.body), req.headers["x-webhook-signature"])) {
    return res.status(401).send("Unauthorized");
  }
  return res.status(200).send("OK");
});

app.post("/complete", (req, res) => {
  const signature = req.get("X-Webhook-Signature");
  if (!signature || !verify(JSON.stringify(req.body), signature)) {
    return res.status(401).json({ error: "Invalid signature" });
  }
  const { id, type, data } = req.body;
  if (processed.has(id)) {
    return res.status(200).send("Already processed");
  }
  processed.add(id);
  if (type !== req.get("X-Webhook-Event") || !req.get("X-Webhook-Id")) {
    return res.status(400).json({ error: "the headers are of another event" });
  }
  return res.status(200).json({ id, type, name: data.name });
});

app.listen(Number(process.argv[2]), "127.0.0.1");
