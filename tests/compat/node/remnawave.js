// Remnawave on Express, as its documentation shows it: what was signed is the parsed body,
// stringified again. Express of the version in EXPRESS ("express" or "express4").
const crypto = require("node:crypto");
const express = require(process.env.EXPRESS);

const app = express();
app.use(express.json());

class WebhookValidator {
  constructor(secret) {
    this.secret = secret;
  }

  isValid(body, signature) {
    const expected = crypto
      .createHmac("sha256", this.secret)
      .update(JSON.stringify(body))
      .digest("hex");
    return expected === signature;
  }
}

const validator = new WebhookValidator(process.env.WEBHOOK_SECRET);

app.post("/webhook", (req, res) => {
  if (!validator.isValid(req.body, req.headers["x-remnawave-signature"])) {
    return res.status(401).json({ error: "Invalid signature" });
  }
  const { event, timestamp, data } = req.body;
  if (timestamp !== req.headers["x-remnawave-timestamp"]) {
    return res.status(400).json({ error: "the two timestamps differ" });
  }
  return res.json({ success: true, event, username: data.username });
});

app.listen(Number(process.argv[2]), "127.0.0.1");
