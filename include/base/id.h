/* Ids: UUIDv7 (RFC 9562 §5.7) inside, TypeID outside: prefix, '_', 26 characters of Crockford
 * base32 in lower case (https://github.com/jetify-com/typeid/tree/main/spec). They sort by time. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/str.h"

struct id {
    uint8_t b[16];
};

#define ID_WEBHOOK    "wh"
#define ID_EVENT      "evt"
#define ID_TEST_EVENT "evt_test"
#define ID_DELIVERY   "del"
#define ID_APP        "app"
#define ID_KEY        "key"
#define ID_JOB        "job"
#define ID_SOURCE     "src"
#define ID_ISSUE      "iss"
#define ID_REQUEST    "req"
#define ID_AUDIT      "aud"
#define ID_TEXT_SIZE  40 /* the longest prefix, '_', 26, NUL */

/* A new id; ids made by one thread do not go backwards, unless the clock does by more than a minute. */
struct id id_new(void);

/* The lowest id of a millisecond: the bound between what is older and what is not. */
struct id id_floor(int64_t wall_ms);
/* After every id there is: where a list that goes backwards begins. */
struct id id_last(void);

int64_t id_time_ms(struct id id);

const char *id_text(char out[ID_TEXT_SIZE], const char *prefix, struct id id);

/* False unless `text` is exactly `prefix`, '_' and 26 digits of at most 128 bits. */
bool id_parse(struct str text, const char *prefix, struct id *id);

/* Whether it ends as every id does: with '_' and 26 digits. */
bool id_is_like(struct str text);

/* From what PostgreSQL writes: 32 hex digits and dashes. */
bool id_parse_uuid(struct str text, struct id *id);

static inline bool id_eq(struct id a, struct id b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

static inline int id_cmp(struct id a, struct id b)
{
    return memcmp(a.b, b.b, sizeof a.b);
}

#endif
