import { useState } from "preact/hooks";
import { call, get, may, query } from "../api.js";
import { useAction, useLoaded } from "../hooks.js";
import { Badge, Copy, Facts, Field, Id, Loaded, Table, Time, Trouble } from "../parts.jsx";
import { List } from "./list.jsx";

function Publish() {
  const [type, setType] = useState("");
  const [data, setData] = useState("{}");
  const publish = useAction(async () => {
    const event = await call("POST", "/events", { type, data: JSON.parse(data) });
    location.hash = `#/events/${event.id}`;
  });
  const submit = (e) => {
    e.preventDefault();
    publish.run();
  };
  return (
    <details class="sheet">
      <summary>Publish one</summary>
      <form onSubmit={submit}>
        <Field label="Type"><input required value={type} onInput={(e) => setType(e.target.value)} placeholder="order.paid" /></Field>
        <Field label="Data (JSON)"><textarea rows="5" value={data} onInput={(e) => setData(e.target.value)} /></Field>
        <Trouble of={publish.problem} />
        <button class="main" disabled={publish.busy}>Publish</button>
      </form>
    </details>
  );
}

// The page that has it alone: what is wrong with an id is said as of any other filter.
const one = async (id, signal) => ({ data: [await get(`/events/${encodeURIComponent(id)}`, signal)], next_cursor: null });

export function Events({ where }) {
  return (
    <>
      <h1>Events</h1>
      {may.publish && <Publish />}
      <List where={where} live label="Events" empty="There are no events yet." none="No event fits."
        load={({ id, ...values }, signal) => (id ? one(id, signal) : get(query("/events", values), signal))}
        filters={[["type"], ["id"], ["since", "time"], ["until", "time"]]}
        href={(e) => `#/events/${e.id}`}
        columns={[
          ["Type", (e) => e.type],
          ["Id", (e) => <Id of={e.id} />],
          ["Accepted", (e) => <Time at={e.created_at} />],
        ]} />
    </>
  );
}

const WHY = {
  disabled: () => "it is disabled",
  events: () => "its event types do not have this one",
  filter: (w) => `its filter says no at ${w.filtered_by}`,
};

// What every webhook says of the event now, also those that did not get it.
function Explained({ type, data }) {
  const said = useLoaded((signal) => call("POST", "/events/explain?limit=250", { type, data }, signal), [type, JSON.stringify(data)]);
  return (
    <Loaded from={said}>
      {(page) => (
        <Table label="Who would get it now" empty="There are no webhooks." rows={page.data}
          href={(w) => `#/webhooks/${w.webhook_id}`}
          columns={[
            ["Webhook", (w) => <Id of={w.uid ?? w.webhook_id} />],
            ["Status", (w) => <Badge of={w.status} />],
            ["Would get it", (w) => (w.wanted ? "yes" : `no: ${WHY[w.reason](w)}`)],
          ]} />
      )}
    </Loaded>
  );
}

export function Event({ id }) {
  const event = useLoaded((signal) => get(`/events/${id}`, signal), [id], true);
  return (
    <Loaded from={event}>
      {(e) => {
        const text = JSON.stringify(e.data, null, 2);
        return (
          <>
            <h1>{e.type}</h1>
            <Facts of={[
              ["Id", <Id of={e.id} />],
              ["Accepted", <Time at={e.created_at} />],
              ["Erased", e.erased_at && <Time at={e.erased_at} />],
              ["Ordering key", e.ordering_key],
              ["Deliver at", e.deliver_at && <Time at={e.deliver_at} />],
              ["Expires", e.expires_at && <Time at={e.expires_at} />],
            ]} />
            <h2>Deliveries</h2>
            <Table label="Deliveries of the event" empty="No webhook wanted it." rows={e.deliveries}
              href={(d) => `#/deliveries/${d.id}`}
              columns={[
                ["Delivery", (d) => <Id of={d.id} />],
                ["Webhook", (d) => <a href={`#/webhooks/${d.webhook_id}`}><Id of={d.webhook_id} /></a>],
                ["Status", (d) => <Badge of={d.status} />],
                ["Answer", (d) => d.response_code ?? "–", "number"],
                ["Attempts", (d) => d.attempts, "number"],
                ["Next attempt", (d) => <Time at={d.next_attempt_at} />],
              ]} />
            {text && <><h2>Who would get it now</h2><Explained type={e.type} data={e.data} /></>}
            <h2>Data {text && <Copy text={text} />}</h2>
            {text ? <pre>{text}</pre> : <p class="quiet">It was erased.</p>}
          </>
        );
      }}
    </Loaded>
  );
}
