// Times, durations and numbers as people read them.
const DAY_MS = 86400000;

export const number = (n) => (n == null ? "–" : n.toLocaleString("en"));
export const percent = (share) => (share == null ? "–" : `${(share * 100).toFixed(share < 0.9995 && share > 0 ? 1 : 0)} %`);

export function milliseconds(ms) {
  if (ms == null) return "–";
  if (ms === 0) return "< 1 ms";
  if (ms < 10) return `${Number.isInteger(ms) ? ms : ms.toFixed(1)} ms`;
  return ms < 10000 ? `${Math.round(ms).toLocaleString("en")} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const STEPS = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [Infinity, "day"],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(time, now = Date.now()) {
  let n = (Date.parse(time) - now) / 1000;
  for (const [many, unit] of STEPS) {
    if (Math.abs(n) < many) return relative.format(Math.round(n), unit);
    n /= many;
  }
}

export function clock(time) {
  const at = new Date(time);
  const old = Date.now() - at > DAY_MS;
  return at.toLocaleString("en-GB", { ...(old && { day: "numeric", month: "short" }), timeStyle: old ? undefined : "medium", ...(old && { hour: "2-digit", minute: "2-digit" }) });
}

// JSON as text with indents, or the text itself if it is none.
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// The command that sends a request as it was sent.
export function curl(request) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = request.headers.split("\r\n").filter((line) => line !== "");
  const parts = [`curl -X ${request.method} ${quote(request.url)}`, ...lines.map((line) => `-H ${quote(line)}`)];
  if (request.body_encoding === "base64") parts.push("--data-binary @-");
  else parts.push(`--data-binary ${quote(request.body ?? "")}`);
  const command = parts.join(" \\\n  ");
  return request.body_encoding === "base64" ? `echo ${request.body} | base64 -d | ${command}` : command;
}
