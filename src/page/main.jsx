// The page at /dashboard: which view stands behind an address, and what stands around it.
import { render } from "preact";
import { useState } from "preact/hooks";
import { may, session } from "./api.js";
import { useHash, useStream } from "./hooks.js";
import { isPortal } from "./portal.js";
import { AllDeliveries } from "./views/deliveries.jsx";
import { Delivery } from "./views/delivery.jsx";
import { Event, Events } from "./views/events.jsx";
import { Issue, Issues } from "./views/issues.jsx";
import { Overview } from "./views/overview.jsx";
import { Apps, Audit, Jobs, Keys, Sources, Types } from "./views/records.jsx";
import { EditApp, EditType } from "./views/manage.jsx";
import { Known, Over } from "./views/portal.jsx";
import { SignIn } from "./views/signin.jsx";
import { Webhook } from "./views/webhook.jsx";
import { EditWebhook, NewWebhook } from "./views/webhook_form.jsx";
import { Webhooks } from "./views/webhooks.jsx";
import "./style.css";

// The first that fits; {id} is any one segment. What says nothing is not for portals.
const READ = () => true;
const MANAGE = () => may.manage;
const ROUTES = [
  ["/", Overview, "Overview", READ],
  ["/webhooks", Webhooks, "Webhooks", READ],
  ["/deliveries", AllDeliveries, "Deliveries", READ],
  ["/events", Events, "Events", READ],
  ["/issues", Issues, "Issues", READ],
  ["/types", Types, "Event types", READ],
  ["/sources", Sources, "Sources"],
  ["/jobs", Jobs, "Jobs", READ],
  ["/audit", Audit, "Audit log"],
  ["/apps", Apps, "Apps"],
  ["/keys", Keys, "Keys"],
  ["/webhooks/new", NewWebhook, undefined, MANAGE],
  ["/webhooks/{id}", Webhook, undefined, READ],
  ["/webhooks/{id}/edit", EditWebhook, undefined, READ],
  ["/deliveries/{id}", Delivery, undefined, READ],
  ["/events/{id}", Event, undefined, READ],
  ["/issues/{id}", Issue, undefined, READ],
  ["/types/{id}", EditType],
  ["/apps/{id}", EditApp],
];

const DOCS = new URL("../docs", import.meta.url).href;

const fits = ([, , , isForPortal]) => !session.isPortal || isForPortal?.();

function find(path) {
  for (const route of ROUTES) {
    const [pattern, View] = route;
    const match = path.match(new RegExp(`^${pattern.replace("{id}", "(?<id>[^/]+)")}$`));
    if (match && !fits(route)) break;
    if (match) return { View, id: match.groups?.id };
  }
  return { View: () => <p>There is nothing at this address. <a href="#/">To the overview</a></p> };
}

function Around({ where, onEnd, children }) {
  useStream();
  const { brand } = session.access;
  const here = `/${where.path.split("/")[1]}`;
  return (
    <>
      <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); document.getElementById("content").focus(); }}>To the content</a>
      <header>
        {brand?.logo_url && <img class="logo" src={brand.logo_url} alt="" referrerpolicy="no-referrer" />}
        <strong>{brand ? brand.name ?? session.access.app_name : "Posthorn"}</strong>
        <nav aria-label="Views">
          {ROUTES.filter((route) => route[2] && fits(route)).map(([path, , name]) => (
            <a key={path} href={`#${path}`} aria-current={here === path ? "page" : undefined}>{name}</a>
          ))}
        </nav>
        <a href={DOCS}>API</a>
        {session.app && <span class="quiet">{session.app}</span>}
        {!isPortal && <button type="button" class="small" onClick={onEnd}>Sign out</button>}
      </header>
      <main id="content" tabindex="-1">{children}</main>
    </>
  );
}

function Inside({ where, onEnd }) {
  const { View, id } = find(where.path);
  return (
    <Around where={where} onEnd={onEnd}>
      <View key={where.path} where={where} id={id} />
    </Around>
  );
}

function Page() {
  const where = useHash();
  const [signedIn, setSignedIn] = useState(session.key != null);
  const [over, setOver] = useState(false);
  session.onEnd = () => isPortal && setOver(true);
  if (isPortal && (over || !signedIn)) return <Over />;
  if (!signedIn) return <SignIn onDone={() => setSignedIn(true)} />;
  const end = () => {
    session.end();
    setSignedIn(false);
  };
  return <Known onEnd={end}><Inside where={where} onEnd={end} /></Known>;
}

render(<Page />, document.getElementById("page"));
