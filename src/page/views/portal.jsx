import { useEffect } from "preact/hooks";
import { access, session } from "../api.js";
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

function Knowing({ of, children }) {
  session.access = of;
  useEffect(() => {
    if (of.brand) paint(of.brand);
  }, []);
  return children;
}

// `children`, when it is known what the key, or the token of a portal, may do.
export function Known({ onEnd, children }) {
  const known = useLoaded(access, []);
  return (
    <>
      {known.problem && !session.isPortal && <button type="button" onClick={onEnd}>Sign out</button>}
      <Loaded from={known}>{(value) => <Knowing of={value}>{children}</Knowing>}</Loaded>
    </>
  );
}
