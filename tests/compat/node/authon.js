// Authon on Express: the secret itself is in the header.
const express = require(process.env.EXPRESS);

const app = express();
app.use(express.json());

app.post("/webhook", (req, res) => {
  if (req.headers["x-webhook-secret"] !== process.env.WEBHOOK_SECRET) {
    return res.status(401).json({ error: "Unauthorized" });
  }
  const { event, timestamp, data } = req.body;
  if (!event || Number.isNaN(Date.parse(timestamp))) {
    return res.status(400).json({ error: "not an event" });
  }
  return res.json({ received: true, event, keys: Object.keys(data) });
});

app.listen(Number(process.argv[2]), "127.0.0.1");
