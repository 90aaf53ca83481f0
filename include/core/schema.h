/* JSON Schemas of event types: read once, and data held against them at a bounded cost.
 *
 * A subset of draft 2020-12 that is checked as a whole: a schema with a keyword that is not checked here is refused, so
 * that none promises what nobody looks after. Words for people (title, format and such) are passed over. */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "base/buf.h"
#include "base/json.h"

#define SCHEMA_PARTS_MAX  2000    /* schemas within one */
#define SCHEMA_STEPS_MAX  1000000 /* of all that is checked for one request; some 20 ms */
#define SCHEMA_NESTED_MAX 200     /* schemas that lead to each other on the way to a value */

struct schema;

/* What is wrong with a schema. */
struct schema_fault {
    struct buf pointer; /* to where; schema_fault_fini() it */
    const char *message;
};

/* The schema that `json`, which json_check() accepted, says, or NULL: `*fault` has why. */
struct schema *schema_create(struct str json, struct schema_fault *fault);
void schema_destroy(struct schema *schema); /* NULL is fine */
void schema_fault_fini(struct schema_fault *fault);

/* Bytes that it takes, about. */
size_t schema_weight(const struct schema *schema);

/* A check: what is left for it, and who hears of faults, all of them. */
struct schema_check {
    int64_t steps; /* that may still be taken; < 0: it was given up, and data counts as wrong */
    void (*fault)(void *arg, const struct json_step *at, const char *message);
    void *arg;

    int nested; /* its own, from here on */
    bool silent;
    struct buf key;
};

void schema_check_init(struct schema_check *check);
void schema_check_fini(struct schema_check *check);

/* Does `data`, which json_check() accepted, fit? `at`: where it is in what it came with. */
bool schema_fits(const struct schema *schema, struct schema_check *check, struct str data,
                 const struct json_step *at);

#endif
