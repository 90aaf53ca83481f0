// A day of hours as a line, small enough for a row of a table.
import { hoursOf } from "./chart.jsx";

const WIDTH = 96;
const HEIGHT = 20;
const INSET = 2;

// Stretches of hours that have a value, each with a dash, so that one that stands alone is seen.
function lines(values, max) {
  const x = (n) => INSET + (n * (WIDTH - 2 * INSET)) / (values.length - 1);
  const y = (v) => HEIGHT - INSET - (v / max) * (HEIGHT - 2 * INSET);
  return values.map((v, n) => (v == null ? "" : `${values[n - 1] == null ? "M" : "L"}${x(n).toFixed(1)} ${y(v).toFixed(1)}m-1 0h2m-1 0`)).join("");
}

// `label` says what it is, `text` its values: whoever does not see it is told the last, the lowest and the highest.
export function Spark({ hours, member, label, text, max, children }) {
  const values = hoursOf(hours).map((h) => h[member] ?? null);
  const known = values.filter((v) => v != null);
  if (known.length === 0) return children;
  const said = `${label} of 24 hours: last ${text(known.at(-1))}, lowest ${text(Math.min(...known))}, highest ${text(Math.max(...known))}`;
  return (
    <span class={`spark ${member}`}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={said}>
        <path d={lines(values, max ?? Math.max(...known, 1))} />
      </svg>
      {children}
    </span>
  );
}
