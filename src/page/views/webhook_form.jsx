import { useState } from "preact/hooks";
import { call, get, may } from "../api.js";
import { Form, rowsOf } from "../form.jsx";
import { useLoaded } from "../hooks.js";
import { Copy, Loaded } from "../parts.jsx";
import { Try } from "./try.jsx";

// The fields of every webhook, before and after those of its profile; what is empty of a new one is as usual.
const WHERE = [
  { name: "url", label: "URL", kind: "url", required: true },
  { name: "description", label: "Description" },
  { name: "events", label: "Event types", kind: "words", required: true, standard: ["*"], always: true, hint: "Exact names, order.* for all that begin so, * for all; commas between them." },
];
const HOW = [
  { name: "retry_schedule", label: "Retries", kind: "numbers", standard: [60, 300, 1800, 3600, 21600], always: true, hint: "Seconds from one attempt to the next; empty for a single attempt." },
  { name: "concurrency", label: "Requests at once", kind: "number", min: 1, placeholder: "32" },
  { name: "rate_limit", label: "Requests a second", kind: "number", min: 1, hint: "Empty: as fast as it answers." },
  { name: "timeout_ms", label: "Timeout in ms", kind: "number", min: 1, placeholder: "10000" },
];
const MORE = [
  { name: "filter", label: "Filter (JSON)", kind: "json", hint: 'Only events whose data fits, such as {"all": [{"path": "/amount", "gt": 100}]}; empty: all.' },
  { name: "ordering", label: "Order", choices: ["none", "webhook"], standard: "none", wide: true, hint: "webhook: one event after the other, as they were accepted; none: only those of one ordering key." },
  { name: "headers", label: "Headers", kind: "pairs", most: 20, hint: "Sent with every delivery; their values are not shown again." },
  { name: "auth", label: "Authorization (JSON)", kind: "json", hint: 'What its requests prove themselves with, such as {"type": "bearer", "token": "…"}; not shown again.' },
  { name: "tls", label: "TLS (JSON)", kind: "json", hint: "ca, client_certificate and client_key, in PEM; the key is not shown again." },
  { name: "metadata", label: "Metadata", kind: "pairs", most: 50, hint: "What you want to know of it; it is not sent." },
  { name: "uid", label: "Uid", hint: "What you call it by in requests." },
].map((row) => ({ ...row, more: true }));
const SECRET = {
  name: "secret", label: "Secret", kind: "password",
  hint: { make: "What the receiver checks signatures with; empty: one is made.", change: "Asked for where a change would send it to where it has not gone before." },
};

// Which fields there are depends on the profile, whose own the API describes.
const table = (profiles, was) => (typed) => {
  const name = typed.profile ?? was?.profile ?? profiles[0].name;
  const { description, options } = profiles.find((p) => p.name === name) ?? { options: { properties: {} } };
  const moved = was && name !== was.profile;
  return [
    ...WHERE,
    { name: "profile", label: "Profile", choices: profiles.map((p) => p.name), standard: profiles[0].name, wide: true, hint: description },
    { name: "profile_options", label: `Options of ${name}`, kind: "group", anew: moved, rows: rowsOf(options, "profile_options", { key: `${name}/`, fresh: moved }) },
    ...HOW,
    ...(may.manage ? [{ ...SECRET, hint: was ? SECRET.hint.change : SECRET.hint.make }] : []),
    ...MORE,
  ];
};

function WebhookForm({ was, word, send }) {
  const profiles = useLoaded((signal) => get("/profiles", signal), []);
  return <Loaded from={profiles}>{(all) => <Form rows={table(all.profiles, was)} was={was} word={word} send={send} />}</Loaded>;
}

function Made({ webhook }) {
  return (
    <>
      <h1>Created</h1>
      <p>The secret is shown this once. Give it to the receiver, which checks signatures with it.</p>
      <p><code class="wrap">{webhook.secret}</code> <Copy text={webhook.secret} /></p>
      <p><a class="button main" href={`#/webhooks/${webhook.id}`}>To the webhook</a></p>
      <Try webhook={webhook} />
    </>
  );
}

export function NewWebhook() {
  const [made, setMade] = useState(null);
  if (made) return <Made webhook={made} />;
  return (
    <>
      <h1>New webhook</h1>
      <p class="quiet">Once it is created you can look at what it would send, send a test, and find out which form its receiver understands.</p>
      <WebhookForm word="Create" send={async (body) => setMade(await call("POST", "/webhooks", body))} />
    </>
  );
}

export function EditWebhook({ id }) {
  const webhook = useLoaded((signal) => get(`/webhooks/${id}`, signal), [id]);
  const save = async (body) => {
    await call("PATCH", `/webhooks/${id}`, body);
    location.hash = `#/webhooks/${id}`;
  };
  return (
    <>
      <h1>{may.manage ? "Edit webhook" : "Settings of the webhook"}</h1>
      {!may.manage && <p class="quiet">You may look at them; to change them takes more than reading.</p>}
      <Loaded from={webhook}>{(was) => <WebhookForm was={was} word="Save" send={save} />}</Loaded>
    </>
  );
}
