// Failures that are alike: what people say of them, and what sends their deliveries again.
import { useState } from "preact/hooks";
import { call, get, may, query } from "../api.js";
import { number } from "../format.js";
import { useAction, useLoaded } from "../hooks.js";
import { Progress, followed } from "../job.jsx";
import { Badge, Button, Facts, Loaded, Since, Time, Trouble } from "../parts.jsx";
import { List } from "./list.jsx";

const STATES = ["open", "acknowledged", "resolved"];
// What a button says that brings an issue into a state.
const MOVES = { open: "Reopen", acknowledged: "Acknowledge", resolved: "Resolve" };

const why = (issue) => (issue.response_code ? `${issue.error_code} ${issue.response_code}` : issue.error_code);

// What people call webhooks by, as in the list of them: asked for once, for as many as a page has.
function useNames() {
  const webhooks = useLoaded((signal) => get("/webhooks?limit=250", signal), []);
  const names = new Map(webhooks.value?.data.map((w) => [w.id, w.description || w.url]));
  return (id) => names.get(id) ?? id;
}

const deliveriesOf = (issue) => `#${query(`/webhooks/${issue.webhook_id}`, {
  status: "failed", error_code: issue.error_code, response_code: issue.response_code,
})}`;

export function Issues({ where }) {
  const name = useNames();
  return (
    <>
      <h1>Issues</h1>
      <List where={where} live label="Issues" empty="Nothing has failed." none="No issue fits."
        load={(filters, signal) => get(query("/issues", filters), signal)}
        filters={[["status", ["", ...STATES]], ["webhook_id"]]}
        href={(i) => `#/issues/${i.id}`}
        columns={[
          ["Failed with", why],
          ["State", (i) => <Badge of={i.status} />],
          ["Webhook", (i) => <a href={`#/webhooks/${i.webhook_id}`} class="types" title={i.webhook_id}>{name(i.webhook_id)}</a>],
          ["Attempts", (i) => number(i.failed_attempts), "number"],
          ["Given up", (i) => number(i.failed_deliveries), "number"],
          ["Came again", (i) => number(i.recurrences), "number"],
          ["Last failure", (i) => <Since at={i.last_failure_at} />],
        ]} />
    </>
  );
}

function Move({ issue, to, again }) {
  const move = useAction(async () => {
    await call("PATCH", `/issues/${issue.id}`, { status: to });
    again();
  });
  return (
    <>
      <Button action={move} kind={to === "resolved" ? "main" : ""}>{MOVES[to]}</Button>
      <Trouble of={move.problem} />
    </>
  );
}

function Resend({ issue }) {
  const [job, setJob] = useState(null);
  const retry = (dry) => call("POST", "/deliveries/retry", { ...issue.retry, dry_run: dry });
  const look = useAction(async () => setJob(await retry(true)));
  const send = useAction(async () => followed(await retry(false), setJob));
  const planned = job != null && job.id == null;
  return (
    <section class="sheet">
      <h2>Send again what failed so</h2>
      <div class="buttons">
        <Button action={look}>How many?</Button>
        {planned && job.matched > 0 && <Button action={send} kind="main">{`Resend these ${number(job.matched)}`}</Button>}
      </div>
      <Trouble of={look.problem ?? send.problem} />
      <Progress of={job} />
    </section>
  );
}

export function Issue({ id }) {
  const issue = useLoaded((signal) => get(`/issues/${id}`, signal), [id], true);
  const of = issue.value?.webhook_id;
  const webhook = useLoaded(async (signal) => of && get(`/webhooks/${of}`, signal), [of]).value;
  return (
    <Loaded from={issue}>
      {(i) => (
        <>
          <div class="head">
            <h1>{why(i)} <Badge of={i.status} /></h1>
            <div class="buttons">
              {may.manage && STATES.filter((s) => s !== i.status).map((s) => <Move key={s} issue={i} to={s} again={issue.again} />)}
            </div>
          </div>
          <Facts of={[
            ["Webhook", <a href={`#/webhooks/${i.webhook_id}`} title={i.webhook_id}>{webhook?.description || webhook?.url || i.webhook_id}</a>],
            ["Failed attempts since it was opened", number(i.failed_attempts)],
            ["Deliveries given up since", number(i.failed_deliveries)],
            ["Came again after it was resolved", number(i.recurrences)],
            ["First failure", <Time at={i.first_failure_at} />],
            ["Last failure", <Time at={i.last_failure_at} />],
            ["Opened", <Time at={i.opened_at} />],
            ["Resolved", i.resolved_at && <Time at={i.resolved_at} />],
          ]} />
          <p><a href={`#/deliveries/${i.last_delivery_id}`}>The last delivery that failed so</a> · <a href={deliveriesOf(i)}>All that are failed so now</a></p>
          {may.manage && i.retry && <Resend issue={i} />}
        </>
      )}
    </Loaded>
  );
}
