/* A webhook's health, over the API. */
#include "doctor_webhook.h"

#include "client.h"
#include "value.h"

#define TEST_MS 60000 /* a test waits for its receiver */

static int ask(struct client *client, const char *method, struct str id, const char *tail,
               struct str *body)
{
    struct buf path;

    buf_init(&path, 4096);
    buf_add_text(&path, "/webhooks/");
    path_add(&path, id);
    buf_add_text(&path, tail);
    int status = client_call(
        client, &(struct client_request){.method = method, .path = buf_str(&path)}, body);
    buf_fini(&path);
    return status;
}

static void judge_status(struct findings *out, struct str webhook)
{
    struct buf words;

    buf_init(&words, 4096);
    value_text(&words, webhook, "status");
    if (value_is(webhook, "status", "active")) {
        findings_add(out, FINDING_OK, STR_LIT("webhook"), "is active");
    } else {
        buf_add_text(&words, ", reason: ");
        value_show(&words, value_get(webhook, "disabled_reason"));
        findings_add(out, FINDING_FAIL, STR_LIT("webhook"), "is %s", buf_text(&words));
        findings_advise(
            out, "when the receiver is well, PATCH it to \"active\"; what waited is sent then");
    }
    buf_fini(&words);
}

/* What deliveries came to lately. */
static void judge_health(struct findings *out, struct str webhook)
{
    struct buf words;
    int64_t failures = value_number(webhook, "health.failures", 0);

    if (failures == 0) {
        findings_add(out, FINDING_OK, STR_LIT("deliveries"), "the last one did not fail");
        return;
    }
    buf_init(&words, 4096);
    buf_printf(&words, "%lld failed one after another since ", (long long)failures);
    value_show(&words, value_get(webhook, "health.since"));
    buf_add_text(&words, ", the last with ");
    value_show(&words, value_get(webhook, "health.reason"));
    findings_add(out, FINDING_WARN, STR_LIT("deliveries"), "%s", buf_text(&words));
    findings_advise(
        out,
        "GET /webhooks/{id}/deliveries has what was answered; they are tried again by the webhook's schedule");
    buf_fini(&words);
}

static void judge_test(struct findings *out, struct str test)
{
    struct buf words;

    buf_init(&words, 65536);
    if (value_is(test, "status", "delivered")) {
        findings_add(out, FINDING_OK, STR_LIT("test by Posthorn"), "was delivered in %lld ms",
                     (long long)value_number(test, "response_time_ms", 0));
    } else {
        if (value_get(test, "error.message").p != NULL)
            value_show(&words, value_get(test, "error.message"));
        else
            value_show(&words, value_get(test, "error"));
        findings_add(out, FINDING_FAIL, STR_LIT("test by Posthorn"), "%s", buf_text(&words));
        findings_advise(
            out,
            "what is said of the receiver below tells more, if its URL and secret can be given here: posthorn doctor URL --secret-file FILE");
    }
    buf_fini(&words);
}

int doctor_webhook(const struct cli *cli, const char *id, struct findings *out, struct buf *url)
{
    static struct profile profile;
    struct str body;

    if (!profile_load(&profile, cli))
        return STATUS_USAGE;
    struct client *client = client_open(&profile, TEST_MS);
    if (client == NULL)
        return STATUS_USAGE;
    int status = ask(client, "GET", str_of(id), "", &body);
    if (status == STATUS_DONE) {
        judge_status(out, body);
        judge_health(out, body);
        value_text(url, body, "url");
        status = ask(client, "POST", str_of(id), "/test", &body);
    }
    if (status == STATUS_DONE)
        judge_test(out, body);
    client_close(client);
    return status;
}
