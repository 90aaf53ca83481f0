// Lists of records.
import { useState } from "preact/hooks";
import { get, may, query } from "../api.js";
import { Badge, Id, Time } from "../parts.jsx";
import { List } from "./list.jsx";
import { End, NewApp, NewKey, NewSource, NewType, NewUrl } from "./manage.jsx";

// A number that makes a list new when something was made or ended, and what says so.
function useChanges() {
  const [changes, setChanges] = useState(0);
  return [changes, () => setChanges((n) => n + 1)];
}

const page = (path) => (values, signal) => get(query(path, values), signal);

export function Types({ where }) {
  const [changes, changed] = useChanges();
  return (
    <>
      <h1>Event types</h1>
      {may.publish && <NewType onMade={changed} />}
      <List key={changes} where={where} label="Event types" empty="The catalogue is empty: any type is taken." load={page("/event-types")}
        href={may.publish ? (t) => `#/types/${t.name}` : undefined}
        columns={[
          ["Name", (t) => t.name],
          ["Description", (t) => t.description ?? "–"],
          ["Schema", (t) => (t.schema ? "yes" : "–")],
        ]} />
    </>
  );
}

export function Sources({ where }) {
  const [changes, changed] = useChanges();
  return (
    <>
      <h1>Sources</h1>
      {may.manage && <NewSource onMade={changed} />}
      <List key={changes} where={where} label="Sources" empty="No other system sends its webhooks here." load={page("/sources")}
        columns={[
          ["Name", (s) => s.name],
          ["Kind", (s) => s.kind],
          ["Proved by a secret", (s) => (s.has_secret ? "yes" : "no")],
          ["Id", (s) => <Id of={s.id} />],
          ["Made", (s) => <Time at={s.created_at} />],
          ["Change", (s) => may.manage && (
            <div class="buttons">
              <NewUrl of={s} />
              <End path={`/sources/${s.id}`} question={`Delete the source ${s.name}? What it is sent is refused from now on.`} onEnd={changed} />
            </div>
          )],
        ]} />
    </>
  );
}

export function Jobs({ where }) {
  return (
    <>
      <h1>Jobs</h1>
      <List where={where} live label="Jobs" empty="Nothing takes long now." load={page("/jobs")}
        columns={[
          ["Kind", (j) => j.kind],
          ["Status", (j) => <Badge of={j.status} />],
          ["Done", (j) => `${j.done} of ${j.matched}`, "number"],
          ["Began", (j) => <Time at={j.created_at} />],
          ["Ended", (j) => <Time at={j.ended_at} />],
        ]} />
    </>
  );
}

export function Audit({ where }) {
  return (
    <>
      <h1>Audit log</h1>
      <List where={where} label="Audit log" empty="Nothing was changed." load={page("/audit")} filters={[["action"], ["resource"]]}
        columns={[
          ["When", (a) => <Time at={a.created_at} />],
          ["What", (a) => a.action],
          ["Of", (a) => <Id of={a.resource.id} />],
          ["Fields", (a) => a.fields?.join(", ") || "–"],
          ["By", (a) => a.actor.key_name ?? a.actor.type],
          ["From", (a) => a.address ?? "–"],
        ]} />
    </>
  );
}

export function Apps({ where }) {
  const [changes, changed] = useChanges();
  return (
    <>
      <h1>Apps</h1>
      <NewApp onMade={changed} />
      <List key={changes} where={where} label="Apps" empty="There is none." load={page("/apps")}
        href={(a) => `#/apps/${a.id}`}
        columns={[
          ["Name", (a) => a.name],
          ["Uid", (a) => a.uid],
          ["Id", (a) => <Id of={a.id} />],
          ["Made", (a) => <Time at={a.created_at} />],
        ]} />
    </>
  );
}

export function Keys({ where }) {
  const [changes, changed] = useChanges();
  return (
    <>
      <h1>Keys</h1>
      <NewKey onMade={changed} />
      <List key={changes} where={where} label="Keys" empty="There is none." load={page("/keys")}
        columns={[
          ["Name", (k) => k.name],
          ["Scope", (k) => k.scope],
          ["Last used", (k) => <Time at={k.last_used_at} />],
          ["Expires", (k) => <Time at={k.expires_at} />],
          ["Made", (k) => <Time at={k.created_at} />],
          ["Change", (k) => <End word="Revoke" path={`/keys/${k.id}`} question={`Revoke the key ${k.name}? Whoever uses it is refused from now on.`} onEnd={changed} />],
        ]} />
    </>
  );
}
