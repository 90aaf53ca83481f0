// The page at /dashboard: which view stands behind an address, and what stands around it.
import { render } from "preact";
import { useState } from "preact/hooks";
import { session } from "./api.js";
import { useHash, useStream } from "./hooks.js";
import { AllDeliveries } from "./views/deliveries.jsx";
import { Delivery } from "./views/delivery.jsx";
import { Event, Events } from "./views/events.jsx";
import { Overview } from "./views/overview.jsx";
import { Apps, Audit, Jobs, Keys, Sources, Types } from "./views/records.jsx";
import { SignIn } from "./views/signin.jsx";
import { Webhook } from "./views/webhook.jsx";
import { EditWebhook, NewWebhook } from "./views/webhook_form.jsx";
import { Webhooks } from "./views/webhooks.jsx";
import "./style.css";

// The first that fits; {id} is any one segment.
const ROUTES = [
  ["/", Overview, "Overview"],
  ["/webhooks", Webhooks, "Webhooks"],
  ["/deliveries", AllDeliveries, "Deliveries"],
  ["/events", Events, "Events"],
  ["/types", Types, "Event types"],
  ["/sources", Sources, "Sources"],
  ["/jobs", Jobs, "Jobs"],
  ["/audit", Audit, "Audit log"],
  ["/apps", Apps, "Apps"],
  ["/keys", Keys, "Keys"],
  ["/webhooks/new", NewWebhook],
  ["/webhooks/{id}", Webhook],
  ["/webhooks/{id}/edit", EditWebhook],
  ["/deliveries/{id}", Delivery],
  ["/events/{id}", Event],
];

function find(path) {
  for (const [pattern, View] of ROUTES) {
    const match = path.match(new RegExp(`^${pattern.replace("{id}", "(?<id>[^/]+)")}$`));
    if (match) return { View, id: match.groups?.id };
  }
  return { View: () => <p>There is nothing at this address. <a href="#/">To the overview</a></p> };
}

function Around({ where, onEnd, children }) {
  useStream();
  const here = `/${where.path.split("/")[1]}`;
  return (
    <>
      <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); document.getElementById("content").focus(); }}>To the content</a>
      <header>
        <strong>Posthorn</strong>
        <nav aria-label="Views">
          {ROUTES.filter(([, , name]) => name).map(([path, , name]) => (
            <a key={path} href={`#${path}`} aria-current={here === path ? "page" : undefined}>{name}</a>
          ))}
        </nav>
        {session.app && <span class="quiet">{session.app}</span>}
        <button type="button" class="small" onClick={onEnd}>Sign out</button>
      </header>
      <main id="content" tabindex="-1">{children}</main>
    </>
  );
}

function Page() {
  const where = useHash();
  const [signedIn, setSignedIn] = useState(session.key != null);
  if (!signedIn) return <SignIn onDone={() => setSignedIn(true)} />;
  const { View, id } = find(where.path);
  const end = () => {
    session.end();
    setSignedIn(false);
  };
  return (
    <Around where={where} onEnd={end}>
      <View key={where.path} where={where} id={id} />
    </Around>
  );
}

render(<Page />, document.getElementById("page"));
