// A client made by openapi-typescript and openapi-fetch. Its environment, and what it has to print: test_clients.py.
import createClient from "openapi-fetch";
import type { components, paths } from "./posthorn.js";

type Delivery = components["schemas"]["Delivery"];
type Problem = components["schemas"]["Problem"];

declare const process: { env: Record<string, string> };

const { POSTHORN_URL, POSTHORN_KEY, RECEIVER_URL } = process.env;
const posthorn = createClient<paths>({
  baseUrl: `${POSTHORN_URL}/v1`,
  headers: { Authorization: `Bearer ${POSTHORN_KEY}` },
});

/** The answer, or an exception that says what the problem is. */
function unwrap<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (error) throw new Error(`${error.status} ${error.code}: ${error.detail}`);
  return data as T;
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`No end of the wait for ${what}`);
}

async function pages(id: string) {
  const sizes: number[] = [];
  const deliveries: components["schemas"]["ListedDelivery"][] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = cursor === undefined ? { limit: 2 } : { limit: 2, cursor };
    const page = unwrap(await posthorn.GET("/webhooks/{id}/deliveries", { params: { path: { id }, query } }));
    sizes.push(page.data.length);
    deliveries.push(...page.data);
    cursor = page.next_cursor;
  }
  return { sizes, deliveries };
}

const webhook = unwrap(
  await posthorn.POST("/webhooks", {
    body: {
      url: RECEIVER_URL,
      events: ["client.*"],
      auth: { type: "bearer", token: "open-sesame" },
      profile_options: { json: "python" },
      retry_schedule: [],
      timeout_ms: 5000,
      metadata: { client: "openapi-fetch" },
      description: "of a test",
    },
  }),
);
const data = { n: 1, price: 10.5, name: "José 😀", nested: { list: [1, "two", true] } };
const event = unwrap(
  await posthorn.POST("/events", { params: { header: { "Idempotency-Key": webhook.id } }, body: { type: "client.one", data } }),
);
const batch = unwrap(
  await posthorn.POST("/events/batch", { body: { events: [1, 2, 3, 4].map((n) => ({ type: "client.many", data: { n } })) } }),
);
const listed = await until("the deliveries", async () => {
  const found = await pages(webhook.id);
  return found.deliveries.length === 5 && found.deliveries.every((d) => d.status !== "pending") ? found : undefined;
});

const failed = listed.deliveries.find((d) => d.status === "failed")!;
const retried: Delivery = unwrap(await posthorn.POST("/deliveries/{id}/retry", { params: { path: { id: failed.id } } }));
await until("the retry", async () => {
  const now = unwrap(await posthorn.GET("/deliveries/{id}", { params: { path: { id: retried.id } } }));
  return now.status === "delivered" ? now : undefined;
});
const attempts = unwrap(await posthorn.GET("/deliveries/{id}/attempts", { params: { path: { id: retried.id } } }));

const changed = unwrap(
  await posthorn.PATCH("/webhooks/{id}", { params: { path: { id: webhook.id } }, body: { status: "paused", description: null } }),
);
const { error: invalid } = await posthorn.POST("/webhooks", { body: { url: "ftp://example.com/", events: ["*"] } });
const gone = await posthorn.DELETE("/webhooks/{id}", { params: { path: { id: webhook.id } } });
const { error: missing } = await posthorn.GET("/webhooks/{id}", { params: { path: { id: webhook.id } } });

console.log(
  JSON.stringify({
    webhook: webhook.id,
    secret: webhook.secret,
    auth: webhook.auth,
    events: [event.id, ...batch.data.map((e) => e.id)],
    pages: listed.sizes,
    deliveries: listed.deliveries.map((d) => d.id),
    retried: retried.id,
    attempts: attempts.data.map((a) => [a.number, a.status, a.response_code, a.error && a.error.code]),
    changed,
    deleted: gone.response.status,
    invalid: [invalid!.status, invalid!.code, invalid!.errors!.map((e) => e.field)],
    missing: [missing!.status, missing!.code],
  }),
);
