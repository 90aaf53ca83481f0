import { get, query } from "../api.js";
import { Chart, hoursOf } from "../chart.jsx";
import { ago, milliseconds, number, percent } from "../format.js";
import { useLoaded } from "../hooks.js";
import { Badge, Loaded, Since, Table } from "../parts.jsx";

const sum = (hours, member) => hours.reduce((n, hour) => n + (hour[member] ?? 0), 0);

function Figure({ name, children, mood }) {
  return <div class={`figure ${mood ?? ""}`}><span>{children}</span><small>{name}</small></div>;
}

// What stands beside the figures of the app's day, as it is now.
function Now() {
  const standing = useLoaded((signal) => get("/stats/now", signal), [], true);
  return (
    <Loaded from={standing}>
      {({ webhooks, needs_attention: attention, oldest_due_at: due }) => (
        <div class="figures">
          <Figure name={webhooks === 1 ? "webhook" : "webhooks"}>{number(webhooks)}</Figure>
          <Figure name="failing now" mood={attention > 0 ? "bad" : "good"}>{number(attention)}</Figure>
          <Figure name="oldest due">{due ? ago(due) : "none waits"}</Figure>
        </div>
      )}
    </Loaded>
  );
}

// Attempts of a day by the hour, of the app or of one webhook, and how long they took.
export function Hours({ webhook }) {
  const stats = useLoaded((signal) => get(query("/stats", { webhook_id: webhook }), signal), [webhook], true);
  return (
    <Loaded from={stats}>
      {({ data }) => {
        const hours = hoursOf(data);
        const times = hours.map((h) => h.at);
        const all = sum(hours, "attempts");
        return (
          <section aria-label="The last 24 hours">
            <div class="figures">
              {!webhook && <Figure name="events accepted in 24 hours">{number(sum(hours, "accepted"))}</Figure>}
              <Figure name="delivered" mood="good">{number(sum(hours, "succeeded"))}</Figure>
              <Figure name="attempts failed" mood={sum(hours, "failed") > 0 ? "bad" : ""}>{number(sum(hours, "failed"))}</Figure>
              <Figure name="given up">{number(sum(hours, "exhausted"))}</Figure>
              <Figure name="of attempts succeed">{percent(all > 0 ? sum(hours, "succeeded") / all : null)}</Figure>
            </div>
            <div class="charts">
              <figure>
                <figcaption>Attempts by the hour</figcaption>
                <Chart whole label="Attempts of the last 24 hours: succeeded, failed, and those that were retries" times={times} series={[
                  { label: "failed", color: "--bad", text: number, values: hours.map((h) => h.failed ?? 0), on: hours.map((h) => h.succeeded ?? 0) },
                  { label: "succeeded", color: "--good", text: number, values: hours.map((h) => h.succeeded ?? 0) },
                  { label: "retried", color: "--ink", line: true, text: number, values: hours.map((h) => h.retried ?? 0) },
                ]} />
              </figure>
              <figure>
                <figcaption>How long they took</figcaption>
                <Chart label="Time of an attempt in the last 24 hours: half and 95 of 100 took less" times={times} series={[
                  { label: "p95", color: "--wait", line: true, points: true, text: milliseconds, values: hours.map((h) => h.p95_ms ?? null) },
                  { label: "p50", color: "--cool", line: true, points: true, text: milliseconds, values: hours.map((h) => h.p50_ms ?? null) },
                ]} />
              </figure>
            </div>
          </section>
        );
      }}
    </Loaded>
  );
}

function Unwell() {
  const hooks = useLoaded((signal) => get("/webhooks?needs_attention=true", signal), [], true);
  return (
    <Loaded from={hooks}>
      {({ data, next_cursor }) => (
        <>
          <Table label="Endpoints that need a look" empty="All endpoints are well." rows={data}
            href={(w) => `#/webhooks/${w.id}`}
            columns={[
              ["Endpoint", (w) => w.description || w.url],
              ["State", (w) => <Badge of={w.status === "active" ? w.health.state : w.status} />],
              ["Since", (w) => <Since at={w.health.since} />],
              ["Why", (w) => w.disabled_reason ?? w.health.reason ?? "–"],
              ["Last success", (w) => <Since at={w.stats.last_success_at} />],
            ]} />
          {next_cursor && <p><a href="#/webhooks?needs_attention=true">All of them</a></p>}
        </>
      )}
    </Loaded>
  );
}

export function Overview() {
  return (
    <>
      <h1>Overview</h1>
      <Now />
      <Hours />
      <h2>Endpoints that need a look</h2>
      <Unwell />
    </>
  );
}
