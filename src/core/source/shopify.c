/* Shopify: X-Shopify-Hmac-Sha256 is base64 of the body's HMAC by the app's client secret, X-Shopify-Topic the type
 * ("orders/create" is shopify.orders.create), X-Shopify-Webhook-Id the same in each of its eight more tries.
 * https://shopify.dev/docs/apps/build/webhooks/subscribe/https */
#include "source_internal.h"

#include "core/signature.h"

static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    (void)options;
    return source_verify_header(request, "X-Shopify-Hmac-Sha256", "", SOURCE_HMAC_BASE64, secret,
                                wrong);
}

static void turn_body(struct source_turn *turn)
{
    struct str words[] = {source_header(turn->request, "X-Shopify-Topic")};

    source_add_one(turn, "X-Shopify-Topic", words, ARRAY_LEN(words));
}

const struct source_kind source_shopify = {
    .name = "shopify",
    .prefix = "shopify.",
    .standard = {.key_header = {"X-Shopify-Webhook-Id", 20}},
    .secret_check = secret_check_printable,
    .verify = verify,
    .turn = turn_body,
};
