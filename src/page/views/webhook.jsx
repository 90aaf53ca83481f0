import { useState } from "preact/hooks";
import { call, get, may } from "../api.js";
import { useAction, useLoaded } from "../hooks.js";
import { Progress, followed } from "../job.jsx";
import { percent } from "../format.js";
import { Badge, Button, Copy, Facts, Field, Loaded, Since, Time, Trouble } from "../parts.jsx";
import { Deliveries } from "./deliveries.jsx";
import { Hours } from "./overview.jsx";
import { Try } from "./try.jsx";

function SendAgain({ id }) {
  const [since, setSince] = useState("");
  const [job, setJob] = useState(null);
  const request = (dry) => ({ status: "failed", dry_run: dry, ...(since && { since: new Date(since).toISOString() }) });
  const look = useAction(async () => setJob(await call("POST", `/webhooks/${id}/replay`, request(true))));
  const send = useAction(async () => followed(await call("POST", `/webhooks/${id}/replay`, request(false)), setJob));
  return (
    <section>
      <Field label="Send again what failed since" hint="Nothing chosen: all that the history still has.">
        <input type="datetime-local" value={since} onInput={(e) => setSince(e.target.value)} />
      </Field>
      <div class="buttons">
        <Button action={look}>How many?</Button>
        <Button action={send} kind="main">Send again</Button>
      </div>
      <Trouble of={look.problem ?? send.problem} />
      <Progress of={job} />
    </section>
  );
}

function Rotate({ id }) {
  const [secret, setSecret] = useState(null);
  const rotate = useAction(async () => setSecret((await call("POST", `/webhooks/${id}/secret/rotate`, {})).secret));
  return (
    <section>
      <Button action={rotate}>Rotate the secret</Button>
      <Trouble of={rotate.problem} />
      {secret && <p role="status">The new secret, shown once: <code class="wrap">{secret}</code> <Copy text={secret} /></p>}
    </section>
  );
}

function Switch({ webhook, again }) {
  const to = webhook.status === "active" ? "paused" : "active";
  const change = useAction(async () => {
    await call("PATCH", `/webhooks/${webhook.id}`, { status: to });
    again();
  });
  const remove = useAction(async () => {
    if (!confirm("Delete this webhook? What waits for it is cancelled.")) return;
    await call("DELETE", `/webhooks/${webhook.id}`);
    location.hash = "#/webhooks";
  });
  return (
    <>
      <div class="buttons">
        <a class="button" href={`#/webhooks/${webhook.id}/edit`}>Edit</a>
        <Button action={change}>{to === "active" ? "Resume" : "Pause"}</Button>
        <Button action={remove} kind="danger">Delete</Button>
      </div>
      <Trouble of={change.problem ?? remove.problem} />
    </>
  );
}

export function Webhook({ id, where }) {
  const webhook = useLoaded((signal) => get(`/webhooks/${id}`, signal), [id], true);
  return (
    <Loaded from={webhook}>
      {(w) => (
        <>
          <div class="head">
            <h1>{w.description || w.url}</h1>
            {may.manage ? <Switch webhook={w} again={webhook.again} /> : <a class="button" href={`#/webhooks/${id}/edit`}>Settings</a>}
          </div>
          <Facts of={[
            ["URL", <code class="wrap">{w.url}</code>],
            ["State", <><Badge of={w.status} /> <Badge of={w.health.state} /> {w.disabled_reason ?? w.health.reason}</>],
            ["Wants", w.events.join(", ")],
            ["Profile", w.profile],
            ["Id", <code>{w.id}</code>],
            ["Uid", w.uid],
            ["Succeed in 24 h", percent(w.stats.last_24h.success_rate)],
            ["Last success", <Since at={w.stats.last_success_at} />],
            ["Last failure", w.stats.last_failure_at && <Since at={w.stats.last_failure_at} />],
            ["Failing since", w.stats.failing_since && <Time at={w.stats.failing_since} />],
            ["Next attempt", w.health.next_at && <Time at={w.health.next_at} />],
            ["Secret", w.secret_preview],
          ]} />
          <Hours webhook={id} />
          <Try webhook={w} onKept={webhook.again} />
          {may.manage && <div class="tools"><SendAgain id={id} /><Rotate id={id} /></div>}
          <p><a href={`#/issues?webhook_id=${id}`}>Its issues</a></p>
          <h2>Deliveries</h2>
          <Deliveries where={where} webhook={id} />
        </>
      )}
    </Loaded>
  );
}
