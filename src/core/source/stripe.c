/* Stripe: Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX…], each the HMAC-SHA256 of "t.body" by a secret that is valid at the
 * time; the key is the secret's whole text, whsec_ included. A try of its own signature, up to three days long: the body's
 * `id` is the event's. Its `pending_webhooks` may change meanwhile.
 * https://docs.stripe.com/webhooks#verify-manually */
#include "source_internal.h"

#include "base/crypto.h"
#include "core/signature.h"

static const char header[] = "Stripe-Signature";

/* Of t=…,v1=…: the time, and whether one of the signatures is `want`. */
static bool find_pair(struct str list, struct str name, struct str want, struct str *value)
{
    struct str pair, key;
    bool found = false;

    while (str_next(&list, ',', &pair)) {
        pair = str_trim(pair);
        if (!str_next(&pair, '=', &key) || !str_eq(key, name))
            continue;
        if (want.p == NULL || crypto_equal(pair, want))
            found = true;
        *value = pair;
    }
    return found;
}

static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    struct str list = source_header(request, header), at = STR_NONE, ignored;
    uint8_t mac[SHA256_SIZE];
    struct buf hex;

    (void)options;
    if (list.p == NULL)
        return source_wrong(wrong, "The header %s is missing", header);
    if (!find_pair(list, STR_LIT("t"), STR_NONE, &at))
        return source_wrong(wrong, "The header %s has no t=", header);
    struct str parts[] = {at, STR_LIT("."), request->body};
    crypto_hmac_sha256(secret, parts, ARRAY_LEN(parts), mac);
    buf_init(&hex, 2 * sizeof mac);
    crypto_hex(&hex, mac, sizeof mac);
    bool good = find_pair(list, STR_LIT("v1"), buf_str(&hex), &ignored);
    crypto_forget(&hex);
    if (!good)
        return source_wrong(wrong,
                            "The header %s does not fit: this source has not the signing "
                            "secret of Stripe's endpoint",
                            header);
    return source_verify_seconds(request, at, wrong);
}

static void turn_body(struct source_turn *turn)
{
    struct str type = source_at(turn->request->body, STR_LIT("/type"));
    struct str words[] = {source_text(turn, type)};

    source_add_one(turn, "type", words, ARRAY_LEN(words));
}

const struct source_kind source_stripe = {
    .name = "stripe",
    .prefix = "stripe.",
    .standard = {.key_pointer = {"/id", 3}},
    .secret_check = secret_check_printable,
    .verify = verify,
    .turn = turn_body,
};
