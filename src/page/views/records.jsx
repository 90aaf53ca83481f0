// Lists that are only looked at.
import { get, query } from "../api.js";
import { Badge, Id, Time } from "../parts.jsx";
import { List } from "./list.jsx";

const page = (path) => (values, signal) => get(query(path, values), signal);

export function Types({ where }) {
  return (
    <>
      <h1>Event types</h1>
      <List where={where} label="Event types" empty="The catalogue is empty: any type is taken." load={page("/event-types")}
        columns={[
          ["Name", (t) => t.name],
          ["Description", (t) => t.description ?? "–"],
          ["Schema", (t) => (t.schema ? "yes" : "–")],
        ]} />
    </>
  );
}

export function Sources({ where }) {
  return (
    <>
      <h1>Sources</h1>
      <List where={where} label="Sources" empty="No other system sends its webhooks here." load={page("/sources")}
        columns={[
          ["Name", (s) => s.name],
          ["Kind", (s) => s.kind],
          ["Proved by a secret", (s) => (s.has_secret ? "yes" : "no")],
          ["Id", (s) => <Id of={s.id} />],
          ["Made", (s) => <Time at={s.created_at} />],
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
  return (
    <>
      <h1>Apps</h1>
      <List where={where} label="Apps" empty="There is none." load={page("/apps")}
        columns={[
          ["Uid", (a) => a.uid],
          ["Name", (a) => a.name],
          ["Id", (a) => <Id of={a.id} />],
          ["Made", (a) => <Time at={a.created_at} />],
        ]} />
    </>
  );
}

export function Keys({ where }) {
  return (
    <>
      <h1>Keys</h1>
      <List where={where} label="Keys" empty="There is none." load={page("/keys")}
        columns={[
          ["Name", (k) => k.name],
          ["Scope", (k) => k.scope],
          ["Last used", (k) => <Time at={k.last_used_at} />],
          ["Expires", (k) => <Time at={k.expires_at} />],
          ["Made", (k) => <Time at={k.created_at} />],
        ]} />
    </>
  );
}
