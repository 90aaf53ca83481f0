import { useState } from "preact/hooks";
import { useLoaded } from "../hooks.js";
import { Loaded, Select, Table, Text } from "../parts.jsx";

// One question looks at so many rows for a filter, and answers with none if none of them fits: then the next are asked for.
const QUESTIONS = 10;

async function found(load, values, signal) {
  let page = await load(values, signal);
  for (let n = 1; n < QUESTIONS && page.data.length === 0 && page.next_cursor; n++) {
    page = await load({ ...values, cursor: page.next_cursor }, signal);
  }
  return page;
}

// A moment, which the API has in UTC and people in their own time.
function Moment({ label, value, onPick }) {
  const at = value && new Date(Date.parse(value) - new Date(value).getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  return <Text label={label} type="datetime-local" value={at} onPick={(v) => onPick(v && new Date(v).toISOString())} />;
}

function Filter({ kind, ...rest }) {
  if (kind === "time") return <Moment {...rest} />;
  return kind ? <Select options={kind} {...rest} /> : <Text {...rest} />;
}

const FURTHER = "None fits among those that were looked at so far.";

// A list of the API: its filters, which stand in the address, and its pages. `filters`: [name, choices], [name, "time"], or
// [name] for a text; `load(values, signal)` gets what is set of them, and the cursor. `empty` says that there is nothing at
// all, and `none` that nothing fits the filters.
export function List({ where, load, filters = [], live = false, empty, none = empty, ...table }) {
  const [cursors, setCursors] = useState([]);
  const values = Object.fromEntries(filters.map(([name]) => [name, where.query[name] ?? ""]));
  const isChosen = Object.values(values).some((value) => value !== "");
  const cursor = cursors.at(-1) ?? "";
  const page = useLoaded((signal) => found(load, { ...values, cursor }, signal), [cursor, where.path, ...Object.values(values)], live && cursor === "");
  const pick = (name) => (value) => {
    const set = Object.entries({ ...values, [name]: value }).filter(([, v]) => v !== "");
    setCursors([]);
    location.hash = set.length > 0 ? `${where.path}?${new URLSearchParams(set)}` : where.path;
  };
  return (
    <>
      {filters.length > 0 && (
        <div class="filters" role="search">
          {filters.map(([name, kind]) => (
            <Filter key={name} kind={kind} label={name.replaceAll("_", " ")} value={values[name]} onPick={pick(name)} />
          ))}
        </div>
      )}
      <Loaded from={page}>
        {({ data, next_cursor }) => (
          <>
            <Table rows={data} empty={next_cursor ? FURTHER : isChosen ? none : empty} {...table} />
            {(cursor !== "" || next_cursor) && (
              <nav class="pages" aria-label="Pages">
                <button type="button" disabled={cursor === ""} onClick={() => setCursors(cursors.slice(0, -1))}>Newer</button>
                <button type="button" disabled={!next_cursor} onClick={() => setCursors([...cursors, next_cursor])}>{data.length > 0 ? "Older" : "Look further"}</button>
              </nav>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}
