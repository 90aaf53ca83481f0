// Forms out of tables: what people type becomes what the API takes, and what it finds wrong is shown where it was typed.
//
// A row is { name, label, hint, kind, … }; `name` is the path of a member ("profile_options.transform.title"), and what
// was typed is kept under `key`, or that. Of the kind "group" it has `rows`; what is in it is one member, which is sent as a
// whole. `standard` is what is in force where nothing is said.
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem, may } from "./api.js";
import { useAction } from "./hooks.js";
import { Field, Trouble } from "./parts.jsx";

const HIDDEN = "***";

const words = (text) => text.split(/[\s,]+/).filter((word) => word !== "");

// How what was typed is read, and what is there is written to be changed.
const READ = {
  number: Number,
  numbers: (text) => words(text).map(Number),
  words,
  time: (text) => new Date(text).toISOString(),
  json: JSON.parse,
  yes: (text) => text === "yes",
  pairs: readPairs,
  list: (rows, { columns }) => rows.map((row) => said(columns, row) ?? {}),
};
const WRITE = {
  json: (value) => JSON.stringify(value, null, 2),
  words: (value) => value.join(", "),
  numbers: (value) => value.join(", "),
  yes: (value) => (value ? "yes" : "no"),
  check: (value) => value,
  pairs: (value) => Object.entries(value).map(([key, each]) => ({ key, value: each })),
  list: (value, { columns }) => value.map((each) => Object.fromEntries(columns.map((c) => [c.name, begun(c, each)]))),
};
const EMPTY = { check: false, pairs: [], list: [] };
const WRONG = { json: "cannot be read as JSON", time: "is no time" };
const INPUT = { number: "number", time: "datetime-local", url: "url", password: "password" };

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const isEmpty = (value) => value === "" || (Array.isArray(value) && value.length === 0);
const at = (object, path) => path.split(".").reduce((value, name) => value?.[name], object);
const keyOf = (row) => row.key ?? row.name;

// What a field begins with; `fresh` ones know nothing of what was.
function begun(row, was) {
  const value = (row.fresh ? null : at(was, row.name)) ?? row.begins ?? row.standard;
  if (value == null) return row.choices?.[0] ?? EMPTY[row.kind] ?? "";
  return (WRITE[row.kind] ?? String)(value, row);
}

const typedOr = (row, typed, was) => typed[keyOf(row)] ?? begun(row, was);

function changed(row, typed, was) {
  if (row.kind === "group") return row.anew || row.rows.some((inner) => changed(inner, typed, was));
  return typed[keyOf(row)] !== undefined && !same(typed[keyOf(row)], begun(row, was));
}

const wrong = (field, message) => new Problem(0, { detail: "Something in the form cannot be sent", errors: [{ field, message }] });

// What is shown as *** cannot be sent back: the API would take it for what it says.
const hides = (text) => typeof text === "string" && text.includes(HIDDEN);

function refuseHidden(field, now, before) {
  if (hides(now) && hides(before)) throw wrong(field, "is not shown: write it anew, or take it out");
}

function readPairs(pairs, { name }, before) {
  const read = new Map();
  for (const { key, value } of pairs) {
    if (read.has(key)) throw wrong(`${name}.${key}`, "has a name that is there already");
    refuseHidden(`${name}.${key}`, value, before.find((b) => b.key === key)?.value);
    read.set(key, value);
  }
  return Object.fromEntries(read);
}

// The value of a field; undefined: there is none.
function read(row, typed, was) {
  if (row.kind === "group") return said(row.rows, typed, was, row.name);
  const now = typedOr(row, typed, was);
  if (isEmpty(now)) return undefined;
  const before = begun(row, was);
  refuseHidden(row.name, now, before);
  try {
    return READ[row.kind]?.(now, row, before) ?? now;
  } catch (error) {
    throw error instanceof Problem ? error : wrong(row.name, WRONG[row.kind] ?? "cannot be read");
  }
}

// All that is not what it would be anyway, as one object; undefined: nothing is. `path`: where it is itself.
function said(rows, typed, was, path = "") {
  const values = rows.map((row) => [row, read(row, typed, was)]);
  const own = ({ name }) => (path === "" ? name : name.slice(path.length + 1));
  const kept = values.filter(([row, value]) => value !== undefined && !same(value, row.standard));
  return kept.length > 0 ? Object.fromEntries(kept.map(([row, value]) => [own(row), value])) : undefined;
}

// The body of a request: of what is new all that is said, of what `was` there what differs. A field that is `always`
// sent is not left out as the standard, one that is `asked` for is null if it is empty.
export function asked(rows, typed, was) {
  const body = {};
  for (const row of rows) {
    if (was && (row.fixed || !changed(row, typed, was))) continue;
    const value = read(row, typed, was);
    const isStandard = !was && !row.always && row.standard !== undefined && same(value, row.standard);
    if (value !== undefined && !isStandard) body[row.name] = value;
    else if (value === undefined && row.always) body[row.name] = [];
    else if (value === undefined && (row.asked || was?.[row.name] != null)) body[row.name] = null;
  }
  return body;
}

const cell = (row, n, typed, column) => (row.kind === "pairs" ? `${row.name}.${typed[n].key}` : `${row.name}[${n}].${column}`);

function names(rows, typed, was) {
  return rows.flatMap((row) => {
    if (row.kind === "group") return [row.name, ...names(row.rows, typed, was)];
    if (row.kind !== "pairs" && row.kind !== "list") return [row.name];
    const now = typedOr(row, typed, was);
    return [row.name, ...now.flatMap((_, n) => (row.columns ?? [{}]).map((c) => cell(row, n, now, c.name)))];
  });
}

// What is wrong by field, each with the field that is nearest to it, and what belongs to none.
function sorted(problem, fields) {
  const faults = {}, others = [];
  for (const error of problem?.errors ?? []) {
    const fits = fields.filter((f) => error.field === f || error.field.startsWith(`${f}.`) || error.field.startsWith(`${f}[`));
    const field = fits.sort((a, b) => b.length - a.length)[0];
    if (field === undefined) others.push(error);
    else faults[field] = faults[field] ? `${faults[field]}; ${error.message}` : error.message;
  }
  const placed = Object.keys(faults).length;
  const summary = `${placed === 1 ? "One field above" : `${placed} fields above`} cannot be taken as ${placed === 1 ? "it is" : "they are"}.`;
  return { faults, rest: problem && { message: placed > 0 ? summary : problem.message, errors: others } };
}

const layout = (row) => (row.kind === "check" ? "check" : !row.wide && (row.choices || row.kind === "number") ? "narrow" : "");

// Gets `id` and what screen readers say of it from the Field around it.
function Control({ row, value, set, ...rest }) {
  const typed = (e) => set(e.target.value);
  if (row.kind === "check") return <input type="checkbox" checked={value} onChange={(e) => set(e.target.checked)} {...rest} />;
  if (row.choices)
    return (
      <select value={value} onChange={typed} {...rest}>
        {row.choices.map((c) => <option value={c} key={c}>{c === row.standard ? `${c} (standard)` : c || "–"}</option>)}
      </select>
    );
  if (row.kind === "json") return <textarea rows="4" class="grows json" spellcheck={false} value={value} onInput={typed} {...rest} />;
  if (row.kind === "long") return <textarea rows="1" class="grows" value={value} onInput={typed} {...rest} />;
  const list = row.suggestions && `${rest.id}-list`;
  return (
    <>
      <input type={INPUT[row.kind] ?? "text"} autocomplete="off" required={row.required} min={row.min} max={row.max} placeholder={row.placeholder}
        list={list} value={value} onInput={typed} {...rest} />
      {list && <datalist id={list}>{row.suggestions.map((s) => <option key={s} value={s} />)}</datalist>}
    </>
  );
}

// Fields that belong together. What is wrong with them as a whole is said where the keyboard can go.
function Group({ of: row, fault, box, children }) {
  const id = useId();
  const wrong = fault && { class: "wrong", tabindex: "-1", "aria-describedby": id };
  return (
    <fieldset ref={box} {...wrong}>
      <legend>{row.label}</legend>
      {row.hint && <small>{row.hint}</small>}
      {fault && <p class="why" id={id}>{fault}</p>}
      {children}
    </fieldset>
  );
}

const PAIR = [{ name: "key", label: "Name" }, { name: "value", label: "Value", kind: "long" }];

// As many rows as there are, each with the same columns.
function Several({ row, value, set, faults }) {
  const box = useRef();
  const goal = useRef();
  const columns = row.columns ?? PAIR;
  const change = (n, name) => (text) => set(value.map((each, i) => (i === n ? { ...each, [name]: text } : each)));
  const fresh = () => Object.fromEntries(columns.map((c) => [c.name, begun(c)]));
  // Where the keyboard is goes on to what was added, or to what is left.
  useLayoutEffect(() => {
    if (goal.current) [...box.current.querySelectorAll(goal.current)].at(-1)?.focus();
    goal.current = undefined;
  }, [value.length]);
  const add = () => {
    goal.current = ".several > .field:first-child > :is(input, textarea)";
    set([...value, fresh()]);
  };
  const remove = (n) => {
    goal.current = ":scope > button";
    set(value.filter((_, i) => i !== n));
  };
  const faultAt = (n, c) => (row.kind !== "pairs" || c.name === "value") && faults[cell(row, n, value, c.name)];
  return (
    <Group of={row} fault={faults[row.name]} box={box}>
      {value.map((each, n) => (
        <div class="several" key={n} role="group" aria-label={`${row.label} ${n + 1}`}>
          {columns.map((c) => (
            <Field key={c.name} label={c.label} hint={c.hint} fault={faultAt(n, c)} kind={layout(c)}>
              <Control row={c} value={each[c.name]} set={change(n, c.name)} />
            </Field>
          ))}
          {may.manage && <button type="button" class="small" aria-label={`Remove ${row.label} ${n + 1}`} onClick={() => remove(n)}>Remove</button>}
        </div>
      ))}
      {may.manage && <button type="button" class="small" disabled={row.most <= value.length} onClick={add}>{`Add to ${row.label.toLowerCase()}`}</button>}
    </Group>
  );
}

function Row({ row, typed, was, set, faults }) {
  if (row.kind === "group")
    return (
      <Group of={row} fault={faults[row.name]}>
        <div class="fields"><Rows rows={row.rows} {...{ typed, was, set, faults }} /></div>
      </Group>
    );
  const value = typedOr(row, typed, was);
  const change = (now) => set((before) => ({ ...before, [keyOf(row)]: now }));
  if (row.kind === "pairs" || row.kind === "list") return <Several row={row} value={value} set={change} faults={faults} />;
  return (
    <Field label={row.label} hint={row.hint} fault={faults[row.name]} kind={layout(row)}>
      <Control row={row} value={value} set={change} disabled={was && row.fixed} />
    </Field>
  );
}

export const Rows = ({ rows, ...rest }) => rows.map((row) => <Row key={keyOf(row)} row={row} {...rest} />);

// What `rows` show, and what is wrong with them by the `problem` that was met: the keyboard goes to the first of that.
export function useFaults(rows, typed, was, problem) {
  const box = useRef();
  useLayoutEffect(() => box.current.querySelector("[aria-invalid], fieldset.wrong")?.focus(), [problem]);
  return { box, ...sorted(problem, names(rows, typed, was)) };
}

// Those that few need: open where one of them says something, or is wrong.
function More({ rows, faults, ...rest }) {
  if (rows.length === 0) return null;
  const isOpen = rows.some((row) => !isEmpty(begun(row, rest.was)) && begun(row, rest.was) !== row.standard) || names(rows, rest.typed, rest.was).some((name) => faults[name]);
  return (
    <details open={isOpen}>
      <summary>More settings</summary>
      <div class="fields"><Rows rows={rows} faults={faults} {...rest} /></div>
    </details>
  );
}

// `rows`: a table, or what makes one of what was typed. `was`: what is changed; none: a new one. `send(body)` does it.
export function Form({ rows: table, was, word, send }) {
  const [typed, set] = useState({});
  const rows = typeof table === "function" ? table(typed) : table;
  const save = useAction(async () => {
    await send(asked(rows, typed, was));
    if (!was) set({});
  });
  const { box, faults, rest } = useFaults(rows, typed, was, save.problem);
  const submit = (e) => {
    e.preventDefault();
    save.run();
  };
  return (
    <form class="sheet" ref={box} onSubmit={submit}>
      <fieldset class="fields" disabled={!may.manage}>
        <Rows rows={rows.filter((row) => !row.more)} {...{ typed, was, set, faults }} />
        <More rows={rows.filter((row) => row.more)} {...{ typed, was, set, faults }} />
      </fieldset>
      <Trouble of={rest} />
      {may.manage && <button class="main" disabled={save.busy}>{word}</button>}
    </form>
  );
}

const label = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

// The kind of field for what a JSON Schema describes.
const KIND_OF = { boolean: (s) => (s.default === undefined ? "yes" : "check"), integer: () => "number", array: () => "list", object: () => "pairs", string: (s) => (s.enum ? "text" : "long") };

// Rows for the members of a JSON Schema's object at `path`, and of all that is in it.
export function rowsOf(schema, path, more = {}) {
  return Object.entries(schema.properties).map(([member, of]) => {
    const name = path === "" ? member : `${path}.${member}`;
    const row = { name, label: label(member), hint: of.description, ...more, key: `${more.key ?? ""}${name}` };
    if (of.properties) return { ...row, kind: "group", rows: rowsOf(of, name, more) };
    const kind = KIND_OF[of.type](of);
    return {
      ...row, kind, choices: of.enum ?? (kind === "yes" ? ["", "yes", "no"] : undefined), standard: of.default, min: of.minimum, max: of.maximum,
      most: of.maxItems ?? of.maxProperties, columns: of.items && rowsOf(of.items, ""),
    };
  });
}
