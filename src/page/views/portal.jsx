import { useEffect } from "preact/hooks";
import { get, session } from "../api.js";
import { useLoaded } from "../hooks.js";
import { Loaded } from "../parts.jsx";
import { paint } from "../portal.js";

// What is left when a link is good for nothing.
export function Over() {
  return (
    <main class="signin">
      <h1>This link has ended</h1>
      <p>It was good for a while only, or it was revoked. Open this page again from where you came, which makes a new link.</p>
    </main>
  );
}

function Known({ portal, children }) {
  session.portal = portal;
  useEffect(() => paint(portal.brand), []);
  return children;
}

// `children`, when it is known what the token of a portal may do.
export function Portal({ children }) {
  const portal = useLoaded((signal) => get("/portal", signal), []);
  return <Loaded from={portal}>{(value) => <Known portal={value}>{children}</Known>}</Loaded>;
}
