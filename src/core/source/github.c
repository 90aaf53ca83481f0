/* GitHub, and Gitea and Forgejo, which send its headers too: X-Hub-Signature-256, the event's name in X-GitHub-Event, what
 * happened in the body's `action`, and the same X-GitHub-Delivery when somebody has it delivered again; nothing is tried
 * again by itself. An `issues` event that was `opened` is github.issues.opened.
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers */
#include "source_internal.h"

#include "core/signature.h"

static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    (void)options;
    return source_verify_header(request, "X-Hub-Signature-256", "sha256=", SOURCE_HMAC_HEX, secret,
                                wrong);
}

static void turn_body(struct source_turn *turn)
{
    struct str action = source_at(turn->request->body, STR_LIT("/action"));
    struct str words[] = {source_header(turn->request, "X-GitHub-Event"),
                          source_text(turn, action)};

    source_add_one(turn, "X-GitHub-Event", words, words[0].n > 0 ? ARRAY_LEN(words) : 0);
}

const struct source_kind source_github = {
    .name = "github",
    .prefix = "github.",
    .standard = {.key_header = {"X-GitHub-Delivery", 17}},
    .secret_check = secret_check_printable,
    .verify = verify,
    .turn = turn_body,
};
