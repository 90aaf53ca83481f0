import { get, query } from "../api.js";
import { milliseconds } from "../format.js";
import { Badge, Time } from "../parts.jsx";
import { List } from "./list.jsx";

const STATUSES = ["", "pending", "held", "delivered", "failed", "cancelled"];

// Of a webhook, or of the whole app.
export function Deliveries({ where, webhook }) {
  const path = webhook ? `/webhooks/${webhook}/deliveries` : "/deliveries";
  const filters = [["status", STATUSES], ["event_type"], ["response_code"], ["error_code"], ["since", "time"], ["until", "time"]];
  return (
    <List where={where} live label="Deliveries" empty="There are no deliveries yet." none="No delivery fits."
      load={(values, signal) => get(query(path, values), signal)}
      filters={webhook ? filters : [...filters, ["event_id"], ["url_host"]]}
      href={(d) => `#/deliveries/${d.id}`}
      columns={[
        ["Event", (d) => d.event_type],
        ["Status", (d) => <Badge of={d.status} />],
        ["Answer", (d) => d.response_code ?? d.error_code ?? "–", "number"],
        ["Took", (d) => milliseconds(d.response_time_ms), "number"],
        ["Attempts", (d) => d.attempts, "number"],
        ["Next attempt", (d) => <Time at={d.next_attempt_at} />],
        ["Accepted", (d) => <Time at={d.created_at} />],
      ]} />
  );
}

export function AllDeliveries({ where }) {
  return (
    <>
      <h1>Deliveries</h1>
      <Deliveries where={where} />
    </>
  );
}
