// A client made by openapi-generator's java. Its environment, and what it has to print: test_clients.py.
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.DeliveriesApi;
import org.openapitools.client.api.EventsApi;
import org.openapitools.client.api.WebhooksApi;
import org.openapitools.client.model.*;

public class Main {
    static final ApiClient client = new ApiClient();
    static final ObjectMapper json = ApiClient.createDefaultObjectMapper();
    static WebhooksApi webhooks;
    static EventsApi events;
    static DeliveriesApi deliveries;

    interface Ask<T> {
        T ask() throws Exception;
    }

    /** What an answer that is not 2xx says. */
    static Problem problem(Ask<?> ask) throws Exception {
        try {
            ask.ask();
        } catch (ApiException e) {
            return json.readValue(e.getResponseBody(), Problem.class);
        }
        throw new AssertionError("This should have been a problem");
    }

    static void until(String what, Ask<Boolean> ask) throws Exception {
        for (long end = System.currentTimeMillis() + 30_000; !ask.ask(); Thread.sleep(50))
            if (System.currentTimeMillis() > end)
                throw new AssertionError("No end of the wait for " + what);
    }

    static List<List<ListedDelivery>> pages(String webhook) throws ApiException {
        var pages = new ArrayList<List<ListedDelivery>>();
        String cursor = null;
        do {
            var page = deliveries.listDeliveries(webhook, null, 2, cursor, null, null, null, null, null, null, null);
            pages.add(page.getData());
            cursor = page.getNextCursor();
        } while (cursor != null);
        return pages;
    }

    public static void main(String[] args) throws Exception {
        client.updateBaseUri(System.getenv("POSTHORN_URL") + "/v1");
        client.setRequestInterceptor(
                request -> request.header("Authorization", "Bearer " + System.getenv("POSTHORN_KEY")));
        webhooks = new WebhooksApi(client);
        events = new EventsApi(client);
        deliveries = new DeliveriesApi(client);

        var webhook = webhooks.createWebhook(
                new WebhookCreate()
                        .url(URI.create(System.getenv("RECEIVER_URL")))
                        .events(Set.of("client.*"))
                        .auth(new Auth(new AuthBearer().type(AuthBearer.TypeEnum.BEARER).token("open-sesame")))
                        .profileOptions(new ProfileOptions().json(ProfileOptions.JsonEnum.PYTHON))
                        .retrySchedule(List.of())
                        .timeoutMs(5000)
                        .metadata(Map.of("client", "java"))
                        .description("of a test"),
                null);
        Map<String, Object> data = Map.of(
                "n", 1, "price", 10.5, "name", "José 😀", "nested", Map.of("list", List.of(1, "two", true)));
        var event = events.publishEvent(new EventCreate().type("client.one").data(data), null, webhook.getId());
        var many = Stream.of(1, 2, 3, 4)
                .map(n -> new BatchedEvent().type("client.many").data(Map.of("n", n)))
                .toList();
        var batch = events.publishEvents(new EventBatch().events(many), null, null);

        var found = new ArrayList<ListedDelivery>();
        var sizes = new ArrayList<Integer>();
        until("the deliveries", () -> {
            found.clear();
            sizes.clear();
            for (var page : pages(webhook.getId())) {
                found.addAll(page);
                sizes.add(page.size());
            }
            return found.size() == 5 && found.stream().noneMatch(d -> d.getStatus() == DeliveryStatus.PENDING);
        });

        var failed = found.stream().filter(d -> d.getStatus() == DeliveryStatus.FAILED).findFirst().get();
        var retried = deliveries.retryDelivery(failed.getId(), null);
        until("the retry", () -> deliveries.getDelivery(retried.getId(), null).getStatus() == DeliveryStatus.DELIVERED);
        var attempts = deliveries.listAttempts(retried.getId(), null, null, null).getData();

        var changed = webhooks.updateWebhook(
                webhook.getId(), new WebhookUpdate().status(WebhookStatus.PAUSED).description(null), null);
        var wrong = new WebhookCreate().url(URI.create("ftp://example.com/")).events(Set.of("*"));
        var invalid = problem(() -> webhooks.createWebhook(wrong, null));
        var gone = webhooks.deleteWebhookWithHttpInfo(webhook.getId(), null);
        var missing = problem(() -> webhooks.getWebhook(webhook.getId(), null));

        var said = new LinkedHashMap<String, Object>();
        said.put("webhook", webhook.getId());
        said.put("secret", webhook.getSecret());
        said.put("auth", webhook.getAuth());
        said.put("events", Stream.concat(Stream.of(event), batch.getData().stream()).map(EventAccepted::getId).toList());
        said.put("pages", sizes);
        said.put("deliveries", found.stream().map(ListedDelivery::getId).toList());
        said.put("retried", retried.getId());
        said.put("attempts", attempts.stream()
                .map(a -> Arrays.asList(
                        a.getNumber(), a.getStatus(), a.getResponseCode(), a.getError() == null ? null : a.getError().getCode()))
                .toList());
        said.put("changed", changed);
        said.put("deleted", gone.getStatusCode());
        said.put("invalid", List.of(invalid.getStatus(), invalid.getCode(), invalid.getErrors().stream().map(FieldError::getField).toList()));
        said.put("missing", List.of(missing.getStatus(), missing.getCode()));
        System.out.println(json.writeValueAsString(said));
    }
}
