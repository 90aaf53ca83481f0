/* Bodies of one event's messages, one for each form in which webhooks want it: rendered once, and lent to all messages
 * that say it so. Signatures and heads are each message's own. */
#ifndef CORE_BODY_H
#define CORE_BODY_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/list.h"
#include "core/profile.h"

/* What history keeps of a body instead of its bytes: in which form it was written, and the beginning of its SHA-256, by
 * which one that is written again is known to be the same. All zero: nothing. */
#define BODY_HASH_BYTES 5
#define BODY_MARK_BYTES (2 + BODY_HASH_BYTES)
struct body_mark {
    uint8_t b[BODY_MARK_BYTES];
};

/* Of `count` events; `hash` begins the body's SHA-256. */
struct body_mark body_mark_of(const struct profile *profile, const struct profile_options *options,
                              int count, const uint8_t hash[BODY_HASH_BYTES]);

void body_hash(struct str body, uint8_t hash[BODY_HASH_BYTES]);

/* Writes a body again from what is known of its attempt: `in` without its options, but with the `transform` of
 * now, its secrets and when it was due. False, and
 * nothing of use in the buffer: there is no mark, it had several events, or it comes out otherwise: the event was
 * erased, or the body said when the attempt was due. */
bool body_again(struct body_mark mark, struct profile_input *in, struct buf *body) MUST_CHECK;

/* All that a body is made of besides its event; not of what tells attempts apart. */
struct body_form {
    const struct profile *profile;
    int json, bigint, envelope, body;
    bool scope, tries;
    uint8_t transform[SHA256_SIZE]; /* of its text; all zero: none */
};

struct body {
    struct list node; /* among those of its event */
    struct body_form form;
    struct buf text;
    int err; /* it cannot be written in this form; else 0 */
    uint8_t hash[BODY_HASH_BYTES];
    size_t users;
};

/* A zeroed list is none; see bodies_init(). */
struct bodies {
    struct list all;
};

void bodies_init(struct bodies *bodies);

/* None has users. */
void bodies_fini(struct bodies *bodies);

/* Frees those without users. */
void bodies_trim(struct bodies *bodies);

/* What they take. */
size_t bodies_bytes(const struct bodies *bodies);

/* False: the body says which attempt it is of, and is nobody else's. */
bool body_form_of(const struct profile *profile, const struct profile_input *in,
                  struct body_form *form);

/* NULL: there is none in this form. */
struct body *bodies_find(const struct bodies *bodies, const struct body_form *form);

/* Takes the text over, or keeps why there is none; the body has no users yet. */
struct body *bodies_add(struct bodies *bodies, const struct body_form *form, struct buf *text,
                        int err);

#endif
