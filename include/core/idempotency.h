/* Idempotency: by what it is known that a request came before. */
#ifndef CORE_IDEMPOTENCY_H
#define CORE_IDEMPOTENCY_H

#include "base/id.h"

/* What a key stands for: an event, a batch and a place in it, or what a source sends. */
enum idempotency_kind {
    IDEMPOTENCY_EVENT = 'e',
    IDEMPOTENCY_BATCH = 'b',
    IDEMPOTENCY_SOURCE = 's',
};

/* The identity of an idempotency key: 128 bits of a hash over the tenant (of a source: the source), the kind, the place and
 * the key's text. `index` is 0 for an event. */
struct id idempotency_id(struct id app, enum idempotency_kind kind, struct str key, size_t index);

/* 128 bits of a hash over what must be the same for a request to be the same. */
struct id idempotency_hash(const struct str *parts, size_t count);

#endif
