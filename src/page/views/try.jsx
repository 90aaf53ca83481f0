// What a webhook would send and what its receiver says to it, before anything happens: preview, test, detection.
import { useState } from "preact/hooks";
import { call, get, may } from "../api.js";
import { Rows, asked, useFaults } from "../form.jsx";
import { curl, milliseconds } from "../format.js";
import { useAction, useLoaded } from "../hooks.js";
import { Badge, Button, Copy, Facts, Table, Trouble } from "../parts.jsx";

const CATALOGUE = "/event-types?limit=250";

// What a detection tries is put into words by the options in which the tries differ, of those that it changes. Where
// messages are no arrays, the envelope is not said.
const FORM = ["json", "auth", "envelope"];
const of = (options, name) => options?.[name] ?? (name === "envelope" ? "object" : undefined);

function differing(tried, now) {
  const all = [now, ...tried.map((t) => t.profile_options)];
  return FORM.filter((name) => new Set(all.map((options) => of(options, name))).size > 1);
}

const inWords = (options, names) => names.map((name) => `${name} ${of(options, name)}`).join(", ") || "what it is sent already";

function verdict({ detected, kept, tried }, said) {
  if (detected) return `${kept ? "Kept: it" : "It"} understands ${said}.`;
  const { response_code: code } = tried.at(-1);
  return `It accepted none of them, and last ${code == null ? "did not answer" : `answered ${code}`}.`;
}

function Detected({ of: found, now, keep }) {
  const names = differing(found.tried, now);
  const isNew = found.detected && names.some((name) => of(found.detected, name) !== of(now, name));
  return (
    <>
      <p role="status">{verdict(found, found.detected && inWords(found.detected, names))}</p>
      <Table label="What was tried" rows={found.tried}
        columns={[
          ["Tried", (t) => inWords(t.profile_options, names)],
          ["Came to", (t) => <Badge of={t.status} />],
          ["Answer", (t) => t.response_code ?? "–", "number"],
        ]} />
      {isNew && !found.kept && <p>{keep}</p>}
    </>
  );
}

const Tested = ({ of: result }) => (
  <>
    <p role="status"><Badge of={result.status} /> {result.response_code ?? result.error?.message} in {milliseconds(result.response_time_ms)}</p>
    {result.response_body && <pre>{result.response_body}</pre>}
    <a href={`#/deliveries/${result.delivery_id}`}>The attempt, with all that was sent</a>
  </>
);

const Previewed = ({ of: request }) => (
  <>
    <p role="status">{request.filtered_by ? `Nothing: its filter keeps this data from it, at ${request.filtered_by}. Without that it would be sent:` : "This would be sent."}</p>
    <Facts of={[["Request", <code class="wrap">{request.method} {request.url}</code>], ["Signed", request.signed ?? "nothing"]]} />
    <h3>Headers</h3>
    <pre class="heads" aria-label="Headers">{request.headers}</pre>
    {request.headers.includes("***") && <p class="quiet">What proves who sends is not shown: *** stands for it.</p>}
    <h3>Body <Copy text={curl(request)}>Copy as curl</Copy></h3>
    {request.body_encoding === "base64" && <p class="quiet">Bytes that are no text, in base64.</p>}
    <pre aria-label="Body">{request.body}</pre>
  </>
);

// What each button asks for, of what was typed; how that is shown.
const ACTS = {
  preview: { word: "Show the request", busy: "Making it…", fields: ["type", "data", "event_id"], as: Previewed },
  test: { word: "Send a test", busy: "Waiting for the receiver…", fields: ["type", "data"], as: Tested },
  detect: { word: "Find out what it understands", busy: "Trying one form after the other…", fields: ["type", "data", "secret"], more: { detect: true }, as: Detected },
  keep: { busy: "Trying it once more…", fields: ["type", "data", "secret"], more: { detect: true, keep: true }, as: Detected },
};
const SECRET = {
  name: "secret", label: "Its secret, to find out", kind: "password",
  hint: "Only if the receiver may want the secret as it is: with it these forms are tried too.",
};

// The fields that say which event; an example of the catalogue comes with its type.
const table = (types, webhook) => ({ type }) => {
  const example = types.find((t) => t.name === type)?.example;
  const { auth } = webhook.profile_options ?? {};
  return [
    { name: "type", label: "Event type", suggestions: types.map((t) => t.name), placeholder: "webhook.test" },
    { name: "data", label: "Its data (JSON)", kind: "json", begins: example, key: example === undefined ? "data" : `data of ${type}`, hint: "Empty: as little as can be." },
    { name: "event_id", label: "Or the id of an event", hint: "The request then shows what it is of that one." },
    ...(may.manage && auth && auth !== "plain" ? [SECRET] : []),
  ];
};

// `webhook`: as the API shows it. `onKept`: its options are others now.
export function Try({ webhook, onKept = () => {} }) {
  const types = useLoaded((signal) => get(CATALOGUE, signal), []);
  const [typed, set] = useState({});
  const [shown, show] = useState(null);
  const rows = table(types.value?.data ?? [], webhook)(typed);
  const act = useAction(async (what) => {
    const now = webhook.profile_options;
    const { fields, more, as } = ACTS[what];
    show({ what });
    const verb = what === "preview" ? what : "test";
    const came = await call("POST", `/webhooks/${webhook.id}/${verb}`, { ...asked(rows.filter((row) => fields.includes(row.name)), typed), ...more });
    show({ what, came, as, now });
    if (came.kept) onKept();
  });
  const { box, faults, rest } = useFaults(rows, typed, undefined, act.problem);
  const button = (what, kind) => (
    <Button action={{ ...act, run: () => act.run(what) }} kind={kind}>
      {act.busy && shown?.what === what ? ACTS[what].busy : ACTS[what].word ?? "Keep it"}
    </Button>
  );
  return (
    <section class="try" ref={box} aria-label="Try it">
      <h2>Try it</h2>
      <div class="pair">
        <div>
          <Rows {...{ rows, typed, set, faults }} />
          <div class="buttons">
            {button("preview", "main")}
            {may.manage && button("test")}
            {may.manage && button("detect")}
          </div>
          <Trouble of={rest} />
        </div>
        <div class="came">
          {shown?.came
            ? <shown.as of={shown.came} now={shown.now} keep={button("keep", "main")} />
            : <p class="quiet">Nothing is stored by looking at the request. A test is one delivery, kept in the history.</p>}
        </div>
      </div>
    </section>
  );
}
