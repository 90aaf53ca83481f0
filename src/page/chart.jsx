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

function options(width, series) {
  const axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 40] });
  return {
    width,
    height: 200,
    legend: { live: true },
    cursor: { points: { show: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(1, max)] } },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      {},
      ...series.map((s) => ({
        label: s.label,
        stroke: color(s.color),
        width: s.line ? 2 : 0,
        fill: s.line ? undefined : color(s.color),
        paths: s.line ? undefined : bars,
        value: (_, __, ___, n) => (n == null || s.values[n] == null ? "–" : s.text(s.values[n])),
        points: { show: Boolean(s.line) },
      })),
    ],
  };
}

// `series`: {label, color, text(value), values, line, on}, `on`: values that it stands on, of a series behind it. The later ones are drawn over the earlier ones.
export function Chart({ label, times, series }) {
  const box = useRef(null);
  useEffect(() => {
    const draw = () => {
      box.current.replaceChildren();
      return new uPlot(options(box.current.clientWidth, series), [times, ...series.map(heights)], box.current);
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
