/* One piece of memory for each: the claims, and behind them their texts. */
#include "kept.h"

#include "base/clock.h"

/* Texts of a recipient, to be counted and moved. */
#define TEXTS_OF(to)                                                                              \
    {                                                                                             \
        &(to)->url, &(to)->profile, &(to)->options, &(to)->sealed_secret, &(to)->sealed_previous, \
            &(to)->sealed_headers, &(to)->sealed_auth, &(to)->sealed_tls                          \
    }

static size_t bytes_of(const struct claim *const *claims, size_t count, bool with_data)
{
    const struct str *const texts[] = TEXTS_OF(&claims[0]->to);
    size_t size = 0;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        size += texts[i]->n + 1;
    for (size_t i = 0; i < count; i++)
        size += claims[i]->content.type.n + 1 + (with_data ? claims[i]->content.data.n + 1 : 0);
    return size;
}

/* With a NUL behind it, as rows have it. */
static char *move(struct str *text, char *to)
{
    if (text->p == NULL)
        return to;
    memcpy(to, text->p, text->n);
    text->p = to;
    return to + text->n + 1;
}

/* Those that go together are of one recipient. */
struct kept *kept_create(const struct claim *const *claims, size_t count, int64_t token,
                         struct payload *payload, size_t *size)
{
    size_t head = sizeof(struct kept) + count * sizeof **claims;

    *size = head + bytes_of(claims, count, payload == NULL);
    struct kept *kept = xcalloc(1, *size);
    char *at = (char *)kept + head;
    kept->token = token;
    kept->since_ms = clock_mono_ms();
    kept->payload = payload;
    kept->count = count;
    for (size_t i = 0; i < count; i++) {
        struct claim *c = &kept->claims[i];
        *c = *claims[i];
        at = move(&c->content.type, at);
        if (payload == NULL)
            at = move(&c->content.data, at);
    }
    struct recipient *to = &kept->claims[0].to;
    struct str *const texts[] = TEXTS_OF(to);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        at = move(texts[i], at);
    for (size_t i = 1; i < count; i++)
        kept->claims[i].to = *to;
    return kept;
}

size_t kept_refs(const struct kept *kept, struct queue_ref *refs)
{
    for (size_t i = 0; i < kept->count; i++)
        refs[i] = kept->claims[i].ref;
    return kept->count;
}
