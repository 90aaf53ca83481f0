import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HOUR_S = 3600;

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A day of hours, also those in which nothing happened.
export function hoursOf(list) {
  const last = Math.floor(Date.now() / 1000 / HOUR_S) * HOUR_S;
  const known = new Map(list.map((h) => [Date.parse(h.hour) / 1000, h]));
  return Array.from({ length: 24 }, (_, n) => {
    const at = last - (23 - n) * HOUR_S;
    return { at, ...known.get(at) };
  });
}

// What stands on another series ends above it.
const heights = (s) => (s.on ? s.values.map((v, n) => v + s.on[n]) : s.values);

const hourText = (at) => `${String(new Date(at * 1000).getHours()).padStart(2, "0")}:00`;
const WHOLE = Array.from({ length: 30 }, (_, n) => [1, 2, 5][n % 3] * 10 ** Math.floor(n / 3));

function options(width, series, whole) {
  const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 40] });
  return {
    width,
    height: 200,
    legend: { live: true },
    cursor: { points: { show: false } },
    scales: { x: { range: (_, min, max) => [min - HOUR_S / 2, max + HOUR_S / 2] }, y: { range: (_, __, max) => [0, Math.max(1, max)] } },
    axes: [{ ...axis, values: (_, times) => times.map(hourText), incrs: [3, 6, 12].map((n) => n * HOUR_S) }, { ...axis, size: 60, incrs: whole ? WHOLE : undefined }],
    series: [
      {},
      ...series.map((s) => ({
        label: s.label,
        stroke: color(s.color),
        width: s.line ? 2 : 0,
        fill: s.line ? undefined : color(s.color),
        paths: s.line ? undefined : bars,
        value: (_, __, ___, n) => (n == null || s.values[n] == null ? "–" : s.text(s.values[n])),
        points: { show: Boolean(s.points) },
      })),
    ],
  };
}

// `whole`: the values are counts. `series`: {label, color, text(value), values, line, points, on}, `on`: values that it stands on, of a series behind it. The later ones are drawn over the earlier ones.
export function Chart({ label, times, series, whole }) {
  const box = useRef(null);
  useEffect(() => {
    const draw = () => {
      box.current.replaceChildren();
      return new uPlot(options(box.current.clientWidth, series, whole), [times, ...series.map(heights)], box.current);
    };
    let plot = draw();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => {
      plot.destroy();
      plot = draw();
    };
    const watch = new ResizeObserver(() => plot.setSize({ width: box.current.clientWidth, height: 200 }));
    watch.observe(box.current);
    dark.addEventListener("change", redraw);
    return () => {
      watch.disconnect();
      dark.removeEventListener("change", redraw);
      plot.destroy();
    };
  }, [JSON.stringify([times, series])]);
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}
