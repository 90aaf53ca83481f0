import { useCallback, useEffect, useState } from "preact/hooks";
import { follow } from "./api.js";

const EVERY_MS = 5000;
const GATHER_MS = 300;

// What is live is loaded again every few seconds, and soon after an event was accepted.
const live = new Set();
let gathering;

function wake() {
  gathering ??= setTimeout(() => {
    gathering = undefined;
    for (const load of live) load();
  }, GATHER_MS);
}

// Follows the app's events for as long as the page is signed in; whoever may have no stream makes do with the time.
export function useStream() {
  useEffect(() => {
    const control = new AbortController();
    let timer;
    const run = () => follow(wake, control.signal).catch(() => {}).then(() => {
      if (!control.signal.aborted) timer = setTimeout(run, EVERY_MS);
    });
    run();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, []);
}

// Where the page is: what stands behind '#', as a path and its query.
export function useHash() {
  const read = () => {
    const [path, search] = location.hash.slice(1).split("?");
    return { path: path || "/", query: Object.fromEntries(new URLSearchParams(search)) };
  };
  const [where, setWhere] = useState(read);
  useEffect(() => {
    const changed = () => setWhere(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return where;
}

// What `load(signal)` gives, again whenever one of `inputs` changes, every few seconds while the page is looked at (of
// what is `live`), and when asked to. What came before stays while the next is on its way, and beside a problem.
export function useLoaded(load, inputs, isLive = false) {
  const [state, setState] = useState({ value: null, problem: null });
  const [turn, setTurn] = useState(0);
  const again = useCallback(() => setTurn((n) => n + 1), []);

  useEffect(() => setState({ value: null, problem: null }), inputs);
  useEffect(() => {
    const control = new AbortController();
    let timer;
    const run = async () => {
      clearTimeout(timer);
      try {
        if (!document.hidden) setState({ value: await load(control.signal), problem: null });
      } catch (problem) {
        if (control.signal.aborted) return;
        setState((before) => ({ value: before.value, problem }));
      }
      if (isLive && !control.signal.aborted) timer = setTimeout(run, EVERY_MS);
    };
    run();
    if (isLive) live.add(run);
    return () => {
      live.delete(run);
      control.abort();
      clearTimeout(timer);
    };
  }, [...inputs, turn, isLive]);
  return { ...state, again };
}

// Something that a button does: whether it is under way, and the problem that it met.
export function useAction(act) {
  const [state, setState] = useState({ busy: false, problem: null });
  const run = async (...args) => {
    setState({ busy: true, problem: null });
    try {
      await act(...args);
      setState({ busy: false, problem: null });
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return { ...state, run };
}
