// The page of one app at /portal/{id}: its token, and its brand.

// Behind '#' it reaches no server and no Referer; it goes out of the address, and stays in this module's memory.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
export const isPortal = /\/portal\/[^/]+$/.test(location.pathname);
if (isPortal && given) history.replaceState(null, "", `${location.pathname}#/`);

// A tab remembers it, so that it can be loaded again; in a frame the browser may forbid that.
const KEPT = `posthorn.portal:${location.pathname}`;

function kept() {
  try {
    if (given) sessionStorage.setItem(KEPT, given);
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export const token = isPortal ? given ?? kept() : null;
if (isPortal && given) kept();

const READABLE = 4.5; // WCAG 2.2, 1.4.3
const THEMES = { light: { paper: [246, 246, 243], ink: [0, 0, 0] }, dark: { paper: [32, 32, 29], ink: [255, 255, 255] } };

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const hex = (color) => `#${color.map((n) => Math.round(n).toString(16).padStart(2, "0")).join("")}`;

function luminance(color) {
  const [r, g, b] = color.map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

// The colour, moved towards the theme's ink until it can be read on the theme's paper, and what can be read on it.
export function readable(color, theme) {
  const { paper, ink } = THEMES[theme];
  let accent = rgb(color);
  for (let step = 0; step < 20 && contrast(accent, paper) < READABLE; step++) accent = accent.map((n, i) => n + (ink[i] - n) * 0.12);
  accent = rgb(hex(accent));
  const on = [[255, 255, 255], [0, 0, 0]].sort((a, b) => contrast(accent, b) - contrast(accent, a))[0];
  return { accent: hex(accent), on: hex(on) };
}

// By the CSSOM, since the policy has no styles but those of files.
export function paint(brand) {
  if (brand.name) document.title = brand.name;
  if (!brand.color) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = dark.matches ? "dark" : "light";
    const { accent, on } = readable((dark.matches && brand.color_dark) || brand.color, theme);
    document.documentElement.style.setProperty("--accent", accent);
    document.documentElement.style.setProperty("--on-accent", on);
  };
  apply();
  dark.addEventListener("change", apply);
}
