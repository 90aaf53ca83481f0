// The generic API on node:http alone: verifies the bytes that came.
const crypto = require("node:crypto");
const http = require("node:http");

const server = http.createServer((req, res) => {
  const pieces = [];
  req.on("data", (piece) => pieces.push(piece));
  req.on("end", () => {
    const body = Buffer.concat(pieces);
    const expected = crypto
      .createHmac("sha256", process.env.WEBHOOK_SECRET)
      .update(body)
      .digest();
    const [scheme, hex] = String(req.headers["x-webhook-signature"]).split("=");
    const received = Buffer.from(hex ?? "", "hex");
    if (
      scheme !== "sha256" ||
      received.length !== expected.length ||
      !crypto.timingSafeEqual(received, expected)
    ) {
      res.writeHead(401).end("Unauthorized");
      return;
    }
    const { id, type } = JSON.parse(body);
    res.setHeader("Content-Type", "application/json");
    res.end(JSON.stringify({ id, type }));
  });
});

server.listen(Number(process.argv[2]), "127.0.0.1");
