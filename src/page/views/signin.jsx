import { useState } from "preact/hooks";
import { access, session } from "../api.js";
import { useAction } from "../hooks.js";
import { Field, Trouble } from "../parts.jsx";

export function SignIn({ onDone }) {
  const [key, setKey] = useState("");
  const [app, setApp] = useState("");
  const enter = useAction(async () => {
    session.begin(key.trim(), app.trim());
    try {
      await access();
    } catch (problem) {
      session.end();
      throw problem;
    }
    onDone();
  });
  const submit = (e) => {
    e.preventDefault();
    enter.run();
  };
  return (
    <main class="signin">
      <h1>Posthorn</h1>
      <form onSubmit={submit}>
        <Field label="API key" hint="Or a portal token. A key with the scope read shows; write also changes. It is kept for this tab only.">
          <input type="password" autocomplete="off" required value={key} onInput={(e) => setKey(e.target.value)} />
        </Field>
        <Field label="App" hint="Its id or uid: for admin keys, if it is another than default.">
          <input autocomplete="off" value={app} onInput={(e) => setApp(e.target.value)} />
        </Field>
        <Trouble of={enter.problem} />
        <button class="main" disabled={enter.busy}>Sign in</button>
      </form>
    </main>
  );
}
