import { call, get, may } from "../api.js";
import { curl, milliseconds, pretty } from "../format.js";
import { useAction, useLoaded } from "../hooks.js";
import { Badge, Button, Copy, Facts, Loaded, Time, Trouble } from "../parts.jsx";

const PHASES = [["dns", "DNS"], ["connect", "connect"], ["tls", "TLS"], ["wait", "wait for the answer"], ["body", "read it"]];

// How long each phase took. `first_byte_ms` and `total_ms` count from the beginning, the others for themselves.
function phases(t) {
  const before = t.dns_ms + t.connect_ms + t.tls_ms;
  return {
    dns: t.dns_ms, connect: t.connect_ms, tls: t.tls_ms,
    wait: Math.max(0, t.first_byte_ms - before), body: Math.max(0, t.total_ms - Math.max(before, t.first_byte_ms)),
  };
}

function Timeline({ timings }) {
  const took = phases(timings);
  const total = Math.max(timings.total_ms, 0.001);
  let x = 0;
  const text = PHASES.map(([name, words]) => `${words} ${milliseconds(took[name])}`).join(", ");
  return (
    <figure class="timeline">
      <svg viewBox="0 0 1000 24" preserveAspectRatio="none" role="img" aria-label={text}>
        {PHASES.map(([name]) => {
          const width = (took[name] * 1000) / total;
          const bar = <rect key={name} class={name} x={x} y="0" width={width} height="24" />;
          x += width;
          return bar;
        })}
      </svg>
      <figcaption>
        {PHASES.map(([name, words]) => <span key={name} class={name}>{words} {milliseconds(took[name])}</span>)}
      </figcaption>
    </figure>
  );
}

function Message({ name, of, children }) {
  return (
    <section class="message">
      <h3>{name} {children}</h3>
      <pre class="heads">{of.headers}</pre>
      {of.body_encoding === "base64" && <p class="quiet">Bytes that are no text, in base64.</p>}
      {of.body ? <pre>{of.body_encoding ? of.body : pretty(of.body)}</pre> : <p class="quiet">No body.</p>}
      {of.body_truncated && <p class="quiet">There was more, which is not kept.</p>}
    </section>
  );
}

function Attempt({ attempt, open }) {
  const { request, response } = attempt;
  return (
    <details class="attempt" open={open}>
      <summary>
        <span>Attempt {attempt.number}</span> <Badge of={attempt.status} />{" "}
        <span>{attempt.response_code ?? attempt.error?.code}</span> <Time at={attempt.started_at} />
      </summary>
      {attempt.error && <p class="why">{attempt.error.message}</p>}
      {attempt.timings && <Timeline timings={attempt.timings} />}
      <Facts of={[["Called", request && <code class="wrap">{request.method} {request.url}</code>], ["Address", attempt.address]]} />
      <div class="messages">
        {request && <Message name="Sent" of={request}><Copy text={curl(request)}>Copy as curl</Copy></Message>}
        {response && <Message name="Answered" of={response} />}
      </div>
    </details>
  );
}

export function Delivery({ id }) {
  const delivery = useLoaded((signal) => get(`/deliveries/${id}`, signal), [id], true);
  const attempts = useLoaded((signal) => get(`/deliveries/${id}/attempts`, signal), [id, delivery.value?.attempts]);
  const act = (verb) => async () => {
    await call("POST", `/deliveries/${id}/${verb}`);
    delivery.again();
  };
  const retry = useAction(act("retry"));
  const cancel = useAction(act("cancel"));
  return (
    <Loaded from={delivery}>
      {(d) => (
        <>
          <div class="head">
            <h1>{d.event_type} <Badge of={d.status} /></h1>
            {may.manage && <div class="buttons">
              <Button action={retry} kind="main">{d.status === "pending" ? "Retry now" : "Send again"}</Button>
              {["pending", "held"].includes(d.status) && <Button action={cancel}>Cancel</Button>}
            </div>}
          </div>
          <Trouble of={retry.problem ?? cancel.problem} />
          <Facts of={[
            ["To", <a href={`#/webhooks/${d.webhook_id}`} class="wrap">{d.url}</a>],
            ["Event", <a href={`#/events/${d.event_id}`}><code>{d.event_id}</code></a>],
            ["Delivery", <code>{d.id}</code>],
            ["Accepted", <Time at={d.created_at} />],
            ["Attempts", d.attempts],
            ["Next attempt", d.next_attempt_at && <Time at={d.next_attempt_at} />],
            ["Waits for", d.waiting_for && JSON.stringify(d.waiting_for)],
            ["Ended", d.completed_at && <Time at={d.completed_at} />],
            ["Last error", d.last_error?.message],
          ]} />
          <h2>Attempts</h2>
          <Loaded from={attempts}>
            {({ data }) => data.length === 0
              ? <p class="quiet">None yet.</p>
              : data.map((a, n) => <Attempt key={a.number} attempt={a} open={n === 0} />)}
          </Loaded>
        </>
      )}
    </Loaded>
  );
}
