/* Which pages of other origins may read answers. */
#include "cors.h"

#include "reply.h"

static bool origin_listed(struct str list, struct str origin)
{
    struct str piece;
    while (str_next(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (str_eq_text(piece, "*") || str_eq(piece, origin))
            return true;
    }
    return false;
}

bool cors_answer(struct call *call, const struct buf *allow)
{
    struct str origin = call_header(call, "origin");
    struct str list = str_of(call->api->settings->config.cors_origins);

    if (origin.p == NULL || !origin_listed(list, origin))
        return false;
    call_add_header(call, "Access-Control-Allow-Origin", call_copy_text(call, origin));
    call_add_header(call, "Vary", "Origin");
    call_add_header(call, "Access-Control-Expose-Headers",
                    "X-Request-Id, Idempotent-Replayed, Location, Retry-After, RateLimit, "
                    "RateLimit-Policy");
    if (!str_eq_text(call->method, "OPTIONS") || allow->n == 0)
        return false;
    call_add_header(call, "Access-Control-Allow-Methods", call_copy_text(call, buf_str(allow)));
    call_add_header(call, "Access-Control-Allow-Headers",
                    "Authorization, Content-Type, Idempotency-Key, X-App-Id");
    call_add_header(call, "Access-Control-Max-Age", "600");
    reply_empty(call, 204);
    return true;
}
