/* GET /webhooks/{id}/jwks.json: the public keys of a webhook that signs with whsk_ secrets, as a JWK Set
 * (RFC 7517, RFC 8037 §2), for receivers; no API key is asked. A webhook with other secrets has none. */
#include "base/crypto.h"
#include "core/signature.h"
#include "input.h"
#include "reply.h"
#include "resources.h"
#include "result.h"
#include "store/webhooks.h"

#define PUBLIC_TEXT_MAX 128

static void write_key(struct jsonw *w, struct str public)
{
    uint8_t key[ED25519_SIZE];
    size_t prefix = sizeof SECRET_PUBLIC_PREFIX - 1;
    struct buf x;

    ssize_t n =
        crypto_base64_decode((struct str){public.p + prefix, public.n - prefix}, key, sizeof key);
    assert(n == ED25519_SIZE);
    buf_init(&x, PUBLIC_TEXT_MAX);
    crypto_base64url(&x, key, sizeof key);
    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "kty", "OKP");
    jsonw_text(w, "crv", "Ed25519");
    jsonw_text(w, "use", "sig");
    jsonw_text(w, "alg", "EdDSA");
    jsonw_str(w, "kid", public);
    jsonw_str(w, "x", buf_str(&x));
    jsonw_end(w, '}');
    buf_fini(&x);
}

static void write_secret(struct call *call, struct id id, struct str sealed)
{
    struct buf secret, public;

    buf_init(&secret, SECRET_MAX);
    buf_init(&public, PUBLIC_TEXT_MAX);
    if (sealed.p != NULL &&
        webhook_open(call->api->settings, WEBHOOK_SECRET, id, sealed, &secret) == 0 &&
        secret_public_key(&public, buf_str(&secret)) == 0)
        write_key(&call->json, buf_str(&public));
    crypto_forget(&secret);
    buf_fini(&public);
}

static void on_secrets(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct id *id = call->state;

    if (!result_row(call, err, rows))
        return;
    struct jsonw *w = reply_begin(call);
    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "keys", '[');
    write_secret(call, *id, db_str(rows, 0, 0));
    write_secret(call, *id, db_str(rows, 0, 1));
    jsonw_end(w, ']');
    jsonw_end(w, '}');
    reply_send(call, 200);
}

void handle_webhooks_jwks(struct call *call)
{
    struct id *id = call->state = call_alloc(call, sizeof *id);
    if (input_id(call, 0, ID_WEBHOOK, id))
        call->op = webhooks_get_secrets(call->api->db, *id, on_secrets, call);
}
