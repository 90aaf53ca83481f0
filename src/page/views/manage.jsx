// Forms of the records that people make, what of them is shown once, and how they end.
import { useState } from "preact/hooks";
import { call, get } from "../api.js";
import { Form } from "../form.jsx";
import { useAction, useLoaded } from "../hooks.js";
import { Button, Copy, Loaded, Trouble } from "../parts.jsx";

const KEY = {
  what: "key", path: "/keys",
  fields: [
    { name: "name", label: "Name", required: true },
    { name: "scope", label: "Scope", choices: ["publish", "read", "write", "admin"], hint: "write reads too; admin may do everything, in all apps." },
    { name: "app_id", label: "App", hint: "Its id or uid; empty: the one that you are signed in to. A key of admin has none." },
    { name: "expires_at", label: "Expires", kind: "time", hint: "Empty: never." },
    { name: "allowed_networks", label: "Networks", kind: "words", hint: "Where it may be used from, such as 203.0.113.0/24; empty: from everywhere." },
  ],
};
const APP = {
  what: "app", path: "/apps",
  fields: [
    { name: "name", label: "Name", required: true },
    { name: "uid", label: "Uid", hint: "What you call it by in requests." },
    { name: "strict_types", label: "Only event types of its catalogue", kind: "yes", choices: ["no", "yes"] },
    { name: "validate", label: "Hold data against the types' schemas", kind: "yes", choices: ["no", "yes"] },
  ],
};
const TYPE = {
  what: "event type", path: "/event-types",
  fields: [
    { name: "name", label: "Name", required: true, fixed: true, hint: "Such as order.paid." },
    { name: "description", label: "Description" },
    { name: "schema", label: "JSON Schema of its data", kind: "json" },
    { name: "example", label: "Example of its data (JSON)", kind: "json" },
  ],
};
const SOURCE = {
  what: "source", path: "/sources",
  fields: [
    { name: "name", label: "Name", required: true },
    { name: "kind", label: "Kind", choices: ["marzban", "remnawave", "github", "stripe", "shopify", "standard-webhooks", "generic"] },
    { name: "secret", label: "Secret", asked: true, hint: "What the other system signs with, or sends; empty: its URL alone is the proof." },
    { name: "type_prefix", label: "Before its event types" },
    { name: "options", label: "Options (JSON)", kind: "json", hint: `Where things stand in what it sends; of generic at least {"type": "order.paid"}.` },
  ],
};
const PORTAL = {
  what: "link to its page",
  fields: [
    { name: "scope", label: "May", choices: ["read", "manage"], hint: "manage changes the app's webhooks too." },
    { name: "expires_in_seconds", label: "Lifetime in seconds", kind: "number", hint: "Empty: an hour; at most seven days." },
    { name: "origins", label: "May be embedded by", kind: "words", hint: "Origins such as https://app.example.com; empty: by nobody." },
  ],
};

function Once({ of: text }) {
  return (
    <p role="status">
      This is shown once: <code class="wrap">{text}</code> <Copy text={text} />
    </p>
  );
}

// Makes one; `secret(made)` is what is never shown again.
function New({ of: { what, path, fields }, secret, onMade = () => {} }) {
  const [made, setMade] = useState(null);
  const send = async (body) => {
    setMade(await call("POST", path, body));
    onMade();
  };
  return (
    <details class="sheet">
      <summary>{`New ${what}`}</summary>
      {made && (secret ? <Once of={secret(made)} /> : <p role="status">Made.</p>)}
      <Form rows={fields} word="Create" send={send} />
    </details>
  );
}

export const NewKey = ({ onMade }) => <New of={KEY} secret={(made) => made.key} onMade={onMade} />;
export const NewApp = ({ onMade }) => <New of={APP} onMade={onMade} />;
export const NewType = ({ onMade }) => <New of={TYPE} onMade={onMade} />;
export const NewSource = ({ onMade }) => <New of={SOURCE} secret={(made) => made.url} onMade={onMade} />;

export function End({ word = "Delete", path, question, onEnd }) {
  const end = useAction(async () => {
    if (!confirm(question)) return;
    await call("DELETE", path);
    onEnd();
  });
  return (
    <>
      <Button action={end} kind="small danger">{word}</Button>
      <Trouble of={end.problem} />
    </>
  );
}

export function NewUrl({ of: source }) {
  const [url, setUrl] = useState(null);
  const rotate = useAction(async () => setUrl((await call("POST", `/sources/${source.id}/rotate`, {})).url));
  return (
    <>
      <Button action={rotate} kind="small">New URL</Button>
      <Trouble of={rotate.problem} />
      {url && <Once of={url} />}
    </>
  );
}

function Edit({ of: { path, fields }, id, list, question, children }) {
  const at = `${path}/${encodeURIComponent(id)}`;
  const record = useLoaded((signal) => get(at, signal), [id]);
  const [saved, setSaved] = useState(false);
  const send = async (body) => {
    setSaved(false);
    await call("PATCH", at, body);
    setSaved(true);
    record.again();
  };
  return (
    <Loaded from={record}>
      {(was) => (
        <>
          <div class="head">
            <h1>{was.name}</h1>
            <End path={at} question={question} onEnd={() => (location.hash = list)} />
          </div>
          <Form key={JSON.stringify(was)} rows={fields} was={was} word="Save" send={send} />
          {saved && <p role="status">Saved.</p>}
          {children}
        </>
      )}
    </Loaded>
  );
}

export const EditType = ({ id }) => (
  <Edit of={TYPE} id={decodeURIComponent(id)} list="#/types" question="Delete this event type? Events of this type stay." />
);

export const EditApp = ({ id }) => (
  <Edit of={APP} id={id} list="#/apps" question="Delete this app, with its webhooks, its keys and all that waits?">
    <New of={{ ...PORTAL, path: `/apps/${id}/portal` }} secret={(made) => made.url} />
  </Edit>
);
