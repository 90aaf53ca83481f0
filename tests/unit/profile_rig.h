/* A message of a profile, for the tests of profiles: options by JSON, the three buffers, and
 * comparisons that show both texts. */
#ifndef TESTS_PROFILE_RIG_H
#define TESTS_PROFILE_RIG_H

#include "unit.h"

#include "base/err.h"
#include "core/profile.h"

struct message {
    struct scratch scratch;
    struct fields fields;
    struct buf head, masked, body;
};

#define AT_2025_04_14 1744632000000 /* 12:00:00 UTC */
#define AT_2025_06_15 1749997800000 /* 14:30:00 UTC */

/* The first attempt of an event of that time. */
struct profile_input input_at(int64_t ms, const char *type, const char *data, const char *secret);

/* Renders with the options; what render() returned. message_fini() afterwards in any case. */
int message_make(struct message *m, const char *profile, const char *options,
                 struct profile_input *in, size_t count);
void message_fini(struct message *m);

void expect_text(struct str is, const char *wanted);

/* Makes a message of one event and compares; NULL: any. */
void expect_message(const char *profile, const char *options, struct profile_input in,
                    const char *head, const char *body);

bool contains(struct str text, const char *piece);

#endif
