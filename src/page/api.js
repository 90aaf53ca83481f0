// The API as this page uses it. The key is kept for the tab alone, and leaves it only to where the page came from.
import { isPortal, token } from "./portal.js";

const KEY = "posthorn.key";
const APP = "posthorn.app";
const PORTAL_TOKEN = "pt_";

export const session = {
  access: null, // what GET /key says, or GET /portal of a portal token
  onEnd: () => {}, // that is over
  get key() {
    return token ?? (isPortal ? null : sessionStorage.getItem(KEY));
  },
  get isPortal() {
    return isPortal || (this.key ?? "").startsWith(PORTAL_TOKEN);
  },
  get app() {
    return isPortal ? "" : sessionStorage.getItem(APP) ?? "";
  },
  begin(key, app) {
    sessionStorage.setItem(KEY, key);
    sessionStorage.setItem(APP, app);
  },
  end() {
    sessionStorage.removeItem(KEY);
    sessionStorage.removeItem(APP);
    this.access = null;
  },
};

const CHANGES = ["write", "admin", "manage"];

// Whether there is a button for it; the API says no all the same.
export const may = {
  get manage() {
    return CHANGES.includes(session.access?.scope);
  },
  get publish() {
    return !session.isPortal && this.manage;
  },
};

// What went wrong, in the words of the API (RFC 9457) where it had any.
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The API answered ${status}`);
    this.status = status;
    this.code = problem.code;
    this.errors = problem.errors ?? [];
  }
}

const UNREACHED = { detail: "The API cannot be reached. Is it running, and is this machine connected?", code: "unreached" };

async function answer(response) {
  const text = await response.text();
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return { detail: `The answer (${response.status}) is not JSON: something between this page and the API answered.` };
  }
}

function headers(body) {
  const all = { Authorization: `Bearer ${session.key}` };
  if (session.app !== "") all["X-App-Id"] = session.app;
  if (body !== undefined) all["Content-Type"] = "application/json";
  return all;
}

// From wherever this file came.
const at = (path) => new URL(`../v1${path}`, import.meta.url);

export async function call(method, path, body, signal) {
  let response;
  try {
    response = await fetch(at(path), {
      method,
      headers: headers(body),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(0, UNREACHED);
  }
  const value = await answer(response);
  if (response.status === 401 && session.isPortal) session.onEnd();
  if (!response.ok) throw new Problem(response.status, value ?? {});
  return value;
}

// Calls `onEvent` when events of the app are accepted, until the stream ends.
export async function follow(onEvent, signal) {
  const response = await fetch(at("/stream"), { headers: headers(), signal, cache: "no-store" });
  if (!response.ok) throw new Problem(response.status, (await answer(response)) ?? {});
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (part.value.includes("event: event")) onEvent();
  }
}

export const get = (path, signal) => call("GET", path, undefined, signal);

// What the key, or the token of a portal, may do.
export const access = (signal) => get(session.isPortal ? "/portal" : "/key", signal);

// A query of what is set.
export function query(path, values) {
  const set = Object.entries(values).filter(([, value]) => value !== "" && value != null);
  return set.length === 0 ? path : `${path}?${new URLSearchParams(set)}`;
}
