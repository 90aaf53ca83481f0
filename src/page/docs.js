// What renders the contract has the colours of the dashboard, light or dark as the reader's system is.
const COLOURS = {
  light: { "bg-color": "#ffffff", "text-color": "#1d1d1b", "header-color": "#1d1d1b", "primary-color": "#7a5a00", "secondary-color": "#5d5d57", "nav-bg-color": "#f6f6f3", "nav-text-color": "#1d1d1b", "nav-hover-bg-color": "#e8e8e1", "nav-hover-text-color": "#1d1d1b" },
  dark: { "bg-color": "#161614", "text-color": "#ecece6", "header-color": "#ecece6", "primary-color": "#e0b64a", "secondary-color": "#a8a89e", "nav-bg-color": "#20201d", "nav-text-color": "#ecece6", "nav-hover-bg-color": "#3a3a35", "nav-hover-text-color": "#ecece6" },
};
const dark = matchMedia("(prefers-color-scheme: dark)");
const explorer = document.querySelector("openapi-explorer");

function paint() {
  for (const [name, colour] of Object.entries(COLOURS[dark.matches ? "dark" : "light"])) explorer.setAttribute(name, colour);
}

dark.addEventListener("change", paint);
paint();
