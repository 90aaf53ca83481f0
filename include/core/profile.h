/* What a receiver gets. A profile turns an event and a webhook into the bytes of a request:
 * envelope, JSON form, headers, signature. One file each in src/core/profile/, one table.
 *
 * The facts of each format are in the profile's file, with their source. */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include "base/buf.h"
#include "base/field.h"
#include "base/id.h"
#include "base/json.h"

/* A body in another form may be larger than the event that was posted: \u0007 for one byte. */
#define MESSAGE_BODY_MAX ((size_t)8 << 20)
#define MESSAGE_HEAD_MAX ((size_t)64 << 10)

struct profile_options {
    int json;   /* enum json_form */
    int bigint; /* enum json_bigint */
};

/* Names in the order of the enums; they end with NULL. */
extern const char *const json_form_names[];
extern const char *const json_bigint_names[];

/* All that a request is made from. Everything is borrowed. */
struct profile_input {
    struct id event;
    bool test; /* the event's id is shown as evt_test_… */
    struct str type;
    struct str data; /* JSON, as posted */

    struct id delivery;
    int attempt;    /* 1: the first */
    int64_t now_ms; /* wall clock, at sending */

    struct id webhook;
    struct profile_options options;
    struct str secret;
    struct str previous_secret; /* while a rotation's overlap lasts; else n == 0 */
};

struct profile {
    const char *name;
    struct profile_options standard; /* of a webhook that says nothing */

    /* Appends header lines, each ending with CRLF, without Host and Content-Length, and the body.
     * ERR_INVALID when the event cannot be said in this profile. */
    int (*render)(const struct profile_input *in, struct buf *head, struct buf *body);
};

#define PROFILE_OPTIONS_MAX 4096 /* bytes of their JSON */

/* Reads a webhook's options: `options` starts as the profile's standard and takes what `json`, an
 * object, says. Problems as in fields_bind(), with paths below "profile_options.". */
int profile_options_bind(struct fields *f, const struct profile *profile, struct str json,
                         struct profile_options *options) MUST_CHECK;

/* Ends with NULL. */
extern const struct profile *const profiles[];

/* NULL: there is none of that name. */
const struct profile *profile_find(struct str name);

#endif
