/* Whoever signs by Standard Webhooks (Svix's customers under its own names of the headers): webhook-id, which stays the
 * same when it is tried again, webhook-timestamp and webhook-signature, a list of "v1," and base64 of the HMAC-SHA256 of
 * "id.timestamp.body". The data is the member `data` where that is an object, as the specification recommends it.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
#include "source_internal.h"

#include "base/crypto.h"
#include "core/signature.h"

#define SIGNATURE_SIZE 60

static struct str either(const struct source_request *request, const char *name, const char *svix)
{
    struct str value = source_header(request, name);
    return value.p != NULL ? value : source_header(request, svix);
}

static struct str id_of(const struct source_request *request)
{
    return either(request, "webhook-id", "svix-id");
}

static bool is_in(struct str list, struct str want)
{
    struct str one;
    bool found = false;

    while (str_next(&list, ' ', &one))
        if (crypto_equal(one, want))
            found = true;
    return found;
}

static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    struct str id = id_of(request), at = either(request, "webhook-timestamp", "svix-timestamp");
    struct str list = either(request, "webhook-signature", "svix-signature");
    struct buf want;

    (void)options;
    if (id.n == 0 || at.n == 0 || list.n == 0)
        return source_wrong(wrong, "One of the headers webhook-id, webhook-timestamp and "
                                   "webhook-signature is missing");
    buf_init(&want, SIGNATURE_SIZE);
    signature_standard(&want, secret, id, at, request->body);
    bool good = is_in(list, buf_str(&want));
    crypto_forget(&want);
    if (!good)
        return source_wrong(wrong,
                            "The header webhook-signature does not fit: the sender signs with "
                            "another secret, or something on the way changed the body");
    return source_verify_seconds(request, at, wrong);
}

static const char *check_secret(struct str secret)
{
    return secret_is_standard(secret)
               ? NULL
               : "must be whsec_ and base64 of 24 to 64 bytes, as the sender "
                 "shows it";
}

static void turn_body(struct source_turn *turn)
{
    struct str type = source_at(turn->request->body, turn->options->type_pointer);
    struct str words[] = {source_text(turn, type)};

    source_add_one(turn, "type", words, ARRAY_LEN(words));
    turn->events[0].key = id_of(turn->request);
}

static const struct field options[] = {
    OPTION_POINTER("type_pointer", type_pointer),
    OPTION_POINTER("data_pointer", data_pointer),
};

const struct source_kind source_standard_webhooks = {
    .name = "standard-webhooks",
    .prefix = "",
    .standard = {.type_pointer = {"/type", 5}, .data_pointer = {"/data", 5}},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .secret_check = check_secret,
    .verify = verify,
    .turn = turn_body,
};
