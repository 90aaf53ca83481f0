// A client made by openapi-generator's typescript-fetch. Its environment, and what it has to print: test_clients.py.
import {
  Configuration,
  DeliveriesApi,
  type ListedDelivery,
  DeliveryStatus,
  EventsApi,
  ProblemFromJSON,
  ResponseError,
  WebhookStatus,
  WebhookToJSON,
  WebhooksApi,
} from "./client";

declare const process: { env: Record<string, string> };

const { POSTHORN_URL, POSTHORN_KEY, RECEIVER_URL } = process.env;
const configuration = new Configuration({ basePath: `${POSTHORN_URL}/v1`, accessToken: POSTHORN_KEY });
const webhooks = new WebhooksApi(configuration);
const events = new EventsApi(configuration);
const deliveries = new DeliveriesApi(configuration);

/** What an answer that is not 2xx says. */
async function problem(asked: Promise<unknown>) {
  try {
    await asked;
  } catch (e) {
    if (e instanceof ResponseError) return ProblemFromJSON(await e.response.json());
    throw e;
  }
  throw new Error("This should have been a problem");
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
  const found: ListedDelivery[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await deliveries.listDeliveries({ id, limit: 2, cursor });
    sizes.push(page.data.length);
    found.push(...page.data);
    cursor = page.nextCursor;
  }
  return { sizes, found };
}

async function main() {
  const webhook = await webhooks.createWebhook({
    webhookCreate: {
      url: RECEIVER_URL,
      events: new Set(["client.*"]),
      auth: { type: "bearer", token: "open-sesame" },
      profileOptions: { json: "python" },
      retrySchedule: [],
      timeoutMs: 5000,
      metadata: { client: "typescript-fetch" },
      description: "of a test",
    },
  });
  const data = { n: 1, price: 10.5, name: "José 😀", nested: { list: [1, "two", true] } };
  const event = await events.publishEvent({ idempotencyKey: webhook.id, eventCreate: { type: "client.one", data } });
  const batch = await events.publishEvents({
    eventBatch: { events: [1, 2, 3, 4].map((n) => ({ type: "client.many", data: { n } })) },
  });
  const listed = await until("the deliveries", async () => {
    const page = await pages(webhook.id);
    return page.found.length === 5 && page.found.every((d) => d.status !== DeliveryStatus.Pending) ? page : undefined;
  });

  const failed = listed.found.find((d) => d.status === DeliveryStatus.Failed)!;
  const retried = await deliveries.retryDelivery({ id: failed.id });
  await until("the retry", async () => {
    const now = await deliveries.getDelivery({ id: retried.id });
    return now.status === DeliveryStatus.Delivered ? now : undefined;
  });
  const attempts = await deliveries.listAttempts({ id: retried.id });

  const changed = await webhooks.updateWebhook({
    id: webhook.id,
    webhookUpdate: { status: WebhookStatus.Paused, description: null },
  });
  const invalid = await problem(webhooks.createWebhook({ webhookCreate: { url: "ftp://example.com/", events: new Set(["*"]) } }));
  const gone = await webhooks.deleteWebhookRaw({ id: webhook.id });
  const missing = await problem(webhooks.getWebhook({ id: webhook.id }));

  console.log(
    JSON.stringify({
      webhook: webhook.id,
      secret: webhook.secret,
      auth: webhook.auth,
      events: [event.id, ...batch.data.map((e) => e.id)],
      pages: listed.sizes,
      deliveries: listed.found.map((d) => d.id),
      retried: retried.id,
      attempts: attempts.data.map((a) => [a.number, a.status, a.responseCode, a.error && a.error.code]),
      changed: { ...WebhookToJSON(changed), updated_at: undefined },
      deleted: gone.raw.status,
      invalid: [invalid.status, invalid.code, invalid.errors!.map((e) => e.field)],
      missing: [missing.status, missing.code],
    }),
  );
}

main();
