import { get, may, query } from "../api.js";
import { milliseconds, percent } from "../format.js";
import { Spark } from "../spark.jsx";
import { Badge, Since } from "../parts.jsx";
import { List } from "./list.jsx";

// A page of webhooks, each with its hours: two questions for all of them.
async function load(filters, signal) {
  const [page, stats] = await Promise.all(["/webhooks", "/stats/webhooks"].map((path) => get(query(path, filters), signal)));
  const hours = new Map(stats.data.map((of) => [of.webhook_id, of.hours]));
  return { ...page, data: page.data.map((w) => ({ ...w, hours: hours.get(w.id) ?? [] })) };
}

const Success = ({ of: w }) => (
  <Spark hours={w.hours} member="success_rate" label="Success rate" text={percent} max={1}>{percent(w.stats.last_24h.success_rate)}</Spark>
);

const Slow = ({ of: w }) => (
  <Spark hours={w.hours} member="p95_ms" label="p95" text={milliseconds}>{milliseconds(w.stats.last_24h.p95_ms)}</Spark>
);

export function Webhooks({ where }) {
  return (
    <>
      <div class="head">
        <h1>Webhooks</h1>
        {may.manage && <a class="button main" href="#/webhooks/new">New webhook</a>}
      </div>
      <List where={where} live label="Webhooks" empty={may.manage ? "There is none yet. New webhook makes one." : "There is none yet."} none="No webhook fits."
        load={load}
        filters={[["search"], ["status", ["", "active", "paused", "disabled"]], ["needs_attention", ["", "true", "false"]]]}
        href={(w) => `#/webhooks/${w.id}`}
        columns={[
          ["Endpoint", (w) => w.description || w.url],
          ["Wants", (w) => <span class="types">{w.events.join(", ")}</span>],
          ["State", (w) => <Badge of={w.status === "active" ? w.health.state : w.status} />],
          ["Succeed in 24 h", (w) => <Success of={w} />, "number"],
          ["p95", (w) => <Slow of={w} />, "number"],
          ["Last success", (w) => <Since at={w.stats.last_success_at} />],
        ]} />
    </>
  );
}
