import { useState } from "preact/hooks";
import { useLoaded } from "../hooks.js";
import { Loaded, Select, Table, Text } from "../parts.jsx";

// A list of the API: its filters, which stand in the address, and its pages. `filters`: [name, choices], or [name] for
// a text; `load(values, signal)` gets what is set of them, and the cursor.
export function List({ where, load, filters = [], live = false, ...table }) {
  const [cursors, setCursors] = useState([]);
  const values = Object.fromEntries(filters.map(([name]) => [name, where.query[name] ?? ""]));
  const cursor = cursors.at(-1) ?? "";
  const page = useLoaded((signal) => load({ ...values, cursor }, signal), [cursor, where.path, ...Object.values(values)], live && cursor === "");
  const pick = (name) => (value) => {
    const set = Object.entries({ ...values, [name]: value }).filter(([, v]) => v !== "");
    setCursors([]);
    location.hash = set.length > 0 ? `${where.path}?${new URLSearchParams(set)}` : where.path;
  };
  return (
    <>
      {filters.length > 0 && (
        <div class="filters" role="search">
          {filters.map(([name, options]) => {
            const label = name.replaceAll("_", " ");
            return options
              ? <Select key={name} label={label} value={values[name]} options={options} onPick={pick(name)} />
              : <Text key={name} label={label} value={values[name]} onPick={pick(name)} />;
          })}
        </div>
      )}
      <Loaded from={page}>
        {({ data, next_cursor }) => (
          <>
            <Table rows={data} {...table} />
            {(cursor !== "" || next_cursor) && (
              <nav class="pages" aria-label="Pages">
                <button type="button" disabled={cursor === ""} onClick={() => setCursors(cursors.slice(0, -1))}>Newer</button>
                <button type="button" disabled={!next_cursor} onClick={() => setCursors([...cursors, next_cursor])}>Older</button>
              </nav>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}
