import { cloneElement } from "preact";
import { useId, useState } from "preact/hooks";
import { ago, clock } from "./format.js";

const MOODS = {
  resolved: "good", open: "bad", acknowledged: "wait",
  delivered: "good", healthy: "good", active: "good", succeeded: "good", done: "good",
  failed: "bad", broken: "bad", failing: "bad", disabled: "bad",
  pending: "wait", limited: "wait", paused: "wait", held: "wait", listening: "wait", waiting: "wait", running: "wait",
};

export const Badge = ({ of }) => <span class={`badge ${MOODS[of] ?? "plain"}`}>{of}</span>;

export const Time = ({ at }) =>
  at == null ? "–" : <time datetime={at} title={`${at} (${ago(at)})`}>{clock(at)}</time>;

export const Since = ({ at }) => (at == null ? "–" : <time datetime={at} title={at}>{ago(at)}</time>);

export const Id = ({ of }) => <code class="id">{of}</code>;

export function Trouble({ of }) {
  if (of == null) return null;
  return (
    <div class="trouble" role="alert">
      {of.message}
      {of.errors?.length > 0 && (
        <ul>{of.errors.map((e) => <li key={e.field}><code>{e.field}</code>: {e.message}</li>)}</ul>
      )}
    </div>
  );
}

// What was loaded, in the hands of `children(value)`; before that, and if it never comes, a word of it.
export function Loaded({ from, children }) {
  return (
    <>
      <Trouble of={from.problem} />
      {from.value != null ? children(from.value) : from.problem == null && <p class="quiet" role="status">Loading…</p>}
    </>
  );
}

export function Button({ action, kind = "", children, ...rest }) {
  return (
    <button type="button" class={kind} disabled={action.busy} aria-busy={action.busy} onClick={() => action.run()} {...rest}>
      {children}
    </button>
  );
}

export function Copy({ text, children = "Copy" }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button type="button" class="small" onClick={copy}>{done ? "Copied" : children}</button>;
}

// `columns`: [heading, cell(row)], and "number" for figures. A row leads to `href(row)`.
export function Table({ label, columns, rows, href, empty }) {
  if (rows.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <div class="scroll" tabindex="0" role="region" aria-label={label}>
      <table>
        <thead>
          <tr>{columns.map(([name, , kind]) => <th scope="col" class={kind} key={name}>{name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row, n) => (
            <tr key={row.id ?? n}>
              {columns.map(([name, cell, kind], i) => (
                <td class={kind} key={name}>{i === 0 && href ? <a href={href(row)}>{cell(row)}</a> : cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Facts({ of }) {
  return (
    <dl class="facts">
      {of.filter(([, value]) => value != null).map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

// A control with its label, what helps and what is wrong with it.
export function Field({ label, hint, fault, kind = "", children }) {
  const id = useId();
  const about = [fault && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return (
    <div class={`field ${kind}`}>
      <label for={id}>{label}</label>
      {cloneElement(children, { id, "aria-describedby": about || undefined, "aria-invalid": fault ? "true" : undefined })}
      {fault && <p class="why" id={`${id}-fault`}>{fault}</p>}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

export function Select({ label, value, options, onPick }) {
  return (
    <label class="pick">
      <span>{label}</span>
      <select value={value} onChange={(e) => onPick(e.target.value)}>
        {options.map((o) => <option value={o} key={o}>{o === "" ? "any" : o}</option>)}
      </select>
    </label>
  );
}

// What is typed stays until it is picked, whatever is loaded meanwhile; `from` is the value that it was typed over.
export function Text({ label, value, onPick, ...rest }) {
  const [draft, setDraft] = useState({ from: value, text: value });
  const pick = (picked) => {
    setDraft({ from: picked, text: picked });
    onPick(picked);
  };
  return (
    <label class="pick">
      <span>{label}</span>
      <input value={draft.from === value ? draft.text : value} onInput={(e) => setDraft({ from: value, text: e.target.value })}
        onChange={(e) => pick(e.target.value.trim())} {...rest} />
    </label>
  );
}
