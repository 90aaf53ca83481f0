/* Requests of other systems that become events: panels, GitHub, Stripe, Shopify, whoever signs by Standard Webhooks, and
 * plain JSON. A kind says what proves a request and which events it is; one file each in src/core/source/, one table.
 *
 * The facts of each kind are in its file. */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include "base/field.h"
#include "base/id.h"
#include "core/seal.h"

#define SOURCE_EVENTS_MAX  1000 /* of one request */
#define SOURCE_OPTIONS_MAX 2000 /* bytes of their JSON */
#define SOURCE_PREFIX_MAX  64
#define SOURCE_POINTER_MAX 256
#define SOURCE_HEADER_MAX  64
#define SOURCE_WRONG_SIZE  200

/* Who signs with a time says when: what is further from ours than this is refused. */
#define SOURCE_TOLERANCE_MS ((int64_t)300 * 1000)

/* For who does not sign anew when he tries again: how old a request may be, and how far ahead. Together they are as long as
 * one is known again by its key, so that no copy of one becomes an event again, whatever the clocks say. */
#define SOURCE_OLD_MS   ((int64_t)23 * 3600 * 1000)
#define SOURCE_AHEAD_MS ((int64_t)3600 * 1000)

enum source_signature { SOURCE_HMAC_HEX, SOURCE_HMAC_BASE64, SOURCE_PLAIN };
extern const char *const source_signature_names[]; /* ends with NULL */

/* Where a request has what an event is made of. Empty pointers lead to the body as a whole; n == 0 with p == NULL:
 * nothing is said. */
struct source_options {
    struct str type;                    /* of all its events */
    struct str type_pointer;            /* JSON Pointer (RFC 6901) into the body */
    struct str key_pointer, key_header; /* by what the event is known again */
    struct str data_pointer;            /* to an object; else the data is the whole */
    struct str signature_header;
    int signature; /* enum source_signature */
};

/* A request. Everything is borrowed. */
struct source_request {
    struct str (*header)(const void *arg,
                         const char *name); /* `name` in lower case; p == NULL: none */
    const void *arg;
    struct str body; /* the bytes as they came */
    int64_t now_ms;  /* wall clock */
};

struct source_event {
    struct str type; /* fits event_type_check() */
    struct str data; /* an object, within the body */
    struct str key;  /* by what it is known again; p == NULL: by nothing */
    size_t nth;      /* of those of its request that have this key; 0: the first */
    bool
        is_first; /* its sender says that he never tried it before: what has its key is another event */
};

/* What a request becomes. `fields` collects what is wrong with it, and all that is made lives in its allocator. */
struct source_turn {
    const struct source_request *request;
    const struct source_options *options;
    struct str prefix; /* of types */
    struct fields *fields;
    struct source_event *events;
    size_t count;
};

struct source_kind {
    const char *name;
    const char *prefix; /* of its types, unless a source has another */
    struct source_options standard;

    /* The options that it takes. */
    const struct field *options;
    size_t option_count;

    /* NULL, or what is wrong with them together. */
    const char *(*options_check)(const struct source_options *options);

    /* NULL if a source of this kind may have the secret, else what is wrong. */
    const char *(*secret_check)(struct str secret);

    /* Whether the request is from who has the secret; if not, `wrong` says why, for people. The body may be anything. */
    bool (*verify)(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE]);

    /* Makes the events of a body that json_check() accepted; problems in turn->fields. */
    void (*turn)(struct source_turn *turn);
};

/* Both end with NULL and have the same order. */
extern const struct source_kind *const source_kinds[];
extern const char *const source_kind_names[];

/* NULL: there is none of that name. */
const struct source_kind *source_find(struct str name);

/* NULL if types may begin so, else what is wrong. */
const char *source_prefix_check(struct str prefix);

/* Reads a source's options: `options` is set to the kind's and takes what `json` says, text that json_check() accepted
 * (p == NULL: nothing). Problems as in fields_bind(), with paths below "options.". Texts live in f->alloc. */
int source_options_bind(struct fields *f, const struct source_kind *kind, struct str json,
                        struct source_options *options) MUST_CHECK;

/* source_kind.turn(), for a body whose depth is that of an event's. What a turn made in spite of problems is of no use. */
void source_read(const struct source_kind *kind, struct source_turn *turn);

/* Seals and opens the secret of a source, to whose id it is bound; source_open() appends. ERR_INVALID as in seal_open(). */
void source_seal(const struct seal_keys *keys, struct id source, struct str secret,
                 struct buf *out);
int source_open(const struct seal_keys *keys, struct id source, struct str sealed,
                struct buf *out) MUST_CHECK;

#endif
