import { get, may, query } from "../api.js";
import { milliseconds, percent } from "../format.js";
import { Badge, Since } from "../parts.jsx";
import { List } from "./list.jsx";

export function Webhooks({ where }) {
  return (
    <>
      <div class="head">
        <h1>Webhooks</h1>
        {may.manage && <a class="button main" href="#/webhooks/new">New webhook</a>}
      </div>
      <List where={where} live label="Webhooks" empty={may.manage ? "There is none yet. New webhook makes one." : "There is none yet."}
        load={(filters, signal) => get(query("/webhooks", filters), signal)}
        filters={[["status", ["", "active", "paused", "disabled"]]]}
        href={(w) => `#/webhooks/${w.id}`}
        columns={[
          ["Endpoint", (w) => w.description || w.url],
          ["Wants", (w) => <span class="types">{w.events.join(", ")}</span>],
          ["State", (w) => <Badge of={w.status === "active" ? w.health.state : w.status} />],
          ["Succeed in 24 h", (w) => percent(w.stats.last_24h.success_rate), "number"],
          ["p95", (w) => milliseconds(w.stats.last_24h.p95_ms), "number"],
          ["Last success", (w) => <Since at={w.stats.last_success_at} />],
        ]} />
    </>
  );
}
