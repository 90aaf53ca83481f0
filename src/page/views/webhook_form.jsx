import { useState } from "preact/hooks";
import { call, get } from "../api.js";
import { useAction, useLoaded } from "../hooks.js";
import { Copy, Field, Loaded, Trouble } from "../parts.jsx";

const PROFILES = ["default", "standard-webhooks", "marzban", "marzban-docs", "remnawave", "remnawave-flask", "authon", "discord", "slack", "custom"];
const FRESH = { url: "", description: "", events: ["*"], profile: "default", retry_schedule: [60, 300, 1800, 3600, 21600], concurrency: 32, rate_limit: null, timeout_ms: 10000 };

const words = (text) => text.split(/[\s,]+/).filter((word) => word !== "");
const whole = (text) => (text === "" ? null : Number(text));

// What the form says, as the API takes it; of a webhook that is there already, what differs.
function asked(form, was) {
  const now = {
    url: form.url, description: form.description || null, events: words(form.events), profile: form.profile,
    retry_schedule: words(form.retry_schedule).map(Number),
    concurrency: whole(form.concurrency), rate_limit: whole(form.rate_limit), timeout_ms: whole(form.timeout_ms),
  };
  const keep = ([name, value]) => (was.id ? JSON.stringify(value) !== JSON.stringify(was[name]) : value != null);
  return Object.fromEntries(Object.entries(now).filter(keep));
}

function Form({ was, onSaved }) {
  const [form, setForm] = useState({
    url: was.url, description: was.description ?? "", events: was.events.join(", "), profile: was.profile, retry_schedule: was.retry_schedule.join(", "),
    concurrency: was.concurrency ?? "", rate_limit: was.rate_limit ?? "", timeout_ms: was.timeout_ms ?? "",
  });
  const set = (name) => ({ value: form[name], onInput: (e) => setForm({ ...form, [name]: e.target.value }) });
  const save = useAction(async () => {
    const path = was.id ? `/webhooks/${was.id}` : "/webhooks";
    onSaved(await call(was.id ? "PATCH" : "POST", path, asked(form, was)));
  });
  const submit = (e) => {
    e.preventDefault();
    save.run();
  };
  return (
    <form class="sheet" onSubmit={submit}>
      <Field label="URL"><input type="url" required {...set("url")} /></Field>
      <Field label="Description"><input {...set("description")} /></Field>
      <Field label="Event types" hint="Exact names, order.* for all that begin so, * for all; commas between them."><input required {...set("events")} /></Field>
      <Field label="Profile" hint="The format that the receiver gets.">
        <select {...set("profile")}>{PROFILES.map((p) => <option key={p}>{p}</option>)}</select>
      </Field>
      <Field label="Retries" hint="Seconds from one attempt to the next; empty for a single attempt."><input {...set("retry_schedule")} /></Field>
      <Field label="Requests at once"><input type="number" min="1" {...set("concurrency")} /></Field>
      <Field label="Requests a second" hint="Empty: as fast as it answers."><input type="number" min="1" {...set("rate_limit")} /></Field>
      <Field label="Timeout in ms"><input type="number" min="1" {...set("timeout_ms")} /></Field>
      <Trouble of={save.problem} />
      <button class="main" disabled={save.busy}>{was.id ? "Save" : "Create"}</button>
    </form>
  );
}

export function NewWebhook() {
  const [made, setMade] = useState(null);
  if (made)
    return (
      <>
        <h1>Created</h1>
        <p>The secret is shown this once. Give it to the receiver, which checks signatures with it.</p>
        <p><code class="wrap">{made.secret}</code> <Copy text={made.secret} /></p>
        <a class="button main" href={`#/webhooks/${made.id}`}>To the webhook</a>
      </>
    );
  return (
    <>
      <h1>New webhook</h1>
      <Form was={FRESH} onSaved={setMade} />
    </>
  );
}

export function EditWebhook({ id }) {
  const webhook = useLoaded((signal) => get(`/webhooks/${id}`, signal), [id]);
  return (
    <>
      <h1>Edit webhook</h1>
      <Loaded from={webhook}>{(was) => <Form was={was} onSaved={() => (location.hash = `#/webhooks/${id}`)} />}</Loaded>
    </>
  );
}
