// Makes pages of the guides: guides.mjs OUT_FOLDER GUIDE.md...
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Marked } from "marked";

const [out, ...paths] = process.argv.slice(2);
const REPOSITORY = /^\.\.?\//;
const slug = (text) => text.toLowerCase().replace(/<[^>]*>|&[^;]*;/g, "").replace(/[^\w\- ]/g, "").replaceAll(" ", "-");
const title = (text) => text.match(/^# (.*)$/m)[1].replaceAll("`", "");
const guides = paths.map((path) => ({ name: basename(path, ".md"), text: readFileSync(path, "utf8") }));

// Where a link of a guide leads here: to the next guide, to the contract, or (null) to what only the sources have.
function place(href) {
  const [path, part] = href.split("#");
  if (path.endsWith("posthorn.yaml")) return "../docs";
  const guide = guides.find((g) => `${g.name}.md` === path.replace(REPOSITORY, ""));
  if (guide) return `${guide.name}.html${part ? `#${part}` : ""}`;
  return path === "" || /^\w+:/.test(href) ? href : null;
}

const marked = new Marked({
  renderer: {
    heading({ tokens, depth }) {
      const inner = this.parser.parseInline(tokens);
      return `<h${depth} id="${slug(inner)}">${inner}</h${depth}>\n`;
    },
    link({ href, tokens }) {
      const inner = this.parser.parseInline(tokens);
      const to = place(href);
      return to == null ? inner : `<a href="${to}">${inner}</a>`;
    },
    code({ text }) {
      const safe = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      return `<pre tabindex="0"><code>${safe}</code></pre>\n`;
    },
  },
});

function page({ name, text }) {
  const links = guides.map((g) => `<a href="${g.name}.html"${g.name === name ? ' aria-current="page"' : ""}>${title(g.text)}</a>`);
  const body = marked.parse(text).replaceAll("<table>", '<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>').replaceAll("</table>", "</table></div>");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title(text)} – Posthorn</title>
<link rel="icon" href="../dashboard/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="docs.css">
</head>
<body>
<header><a href="../docs">The API</a><nav aria-label="Guides">${links.join("\n")}</nav><a href="../dashboard">Dashboard</a></header>
<main>${body}</main>
</body>
</html>
`;
}

for (const guide of guides) writeFileSync(join(out, `${guide.name}.html`), page(guide));
