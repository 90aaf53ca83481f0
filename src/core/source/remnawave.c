/* Remnawave: X-Remnawave-Signature is the hex of the body's HMAC-SHA256, X-Remnawave-Timestamp what the body has in
 * `timestamp`. The data is the whole notification, {scope, event, timestamp, data, meta}: `meta` says of which threshold
 * some of them are, and the profile `remnawave` sends the panel's own bytes on. With data_pointer /data it is what the
 * catalogue describes.
 *
 * There is no id. The panel sends the same bytes up to four times, some seconds apart, so these are what a notification is
 * known by; its time is in milliseconds. */
#include "source_internal.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "core/signature.h"

static const char signature[] = "X-Remnawave-Signature", timestamp[] = "X-Remnawave-Timestamp";

/* The time is in what is signed; the header is a copy of it. */
static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    struct str at = source_header(request, timestamp);
    int64_t ms;

    (void)options;
    if (!source_verify_header(request, signature, "", SOURCE_HMAC_HEX, secret, wrong))
        return false;
    if (!clock_parse(at, &ms))
        return source_wrong(wrong, "The header %s is missing, or is no time", timestamp);
    int64_t apart = request->now_ms - ms;
    if (apart > SOURCE_OLD_MS || apart < -SOURCE_AHEAD_MS)
        return source_wrong(wrong,
                            "The header %s is more than 23 hours old, or an hour ahead: one of "
                            "the clocks is wrong, or this is a copy",
                            timestamp);
    return true;
}

static void turn_body(struct source_turn *turn)
{
    struct str body = turn->request->body;
    struct str words[] = {source_text(turn, source_at(body, STR_LIT("/event")))};
    struct str at = source_text(turn, source_at(body, STR_LIT("/timestamp")));
    struct str said = source_header(turn->request, timestamp);
    uint8_t hash[SHA256_SIZE];

    source_add_one(turn, "event", words, ARRAY_LEN(words));
    if (said.p != NULL && !str_eq(at, said))
        fields_problem(turn->fields, "timestamp", "is not what X-Remnawave-Timestamp says");
    crypto_sha256(body, hash);
    struct str key = {(const char *)hash, sizeof hash};
    turn->events[0].key = (struct str){str_dup(turn->fields->alloc, key), key.n};
}

static const struct field options[] = {OPTION_POINTER("data_pointer", data_pointer)};

const struct source_kind source_remnawave = {
    .name = "remnawave",
    .prefix = "",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = secret_check_printable,
    .verify = verify,
    .turn = turn_body,
};
