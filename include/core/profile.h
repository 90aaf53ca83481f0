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
#include "base/jsonw.h"
#include "core/delivery.h"

/* A body in another form may be larger than the event that was posted: \u0007 for one byte. */
#define MESSAGE_BODY_MAX ((size_t)8 << 20)
#define MESSAGE_HEAD_MAX ((size_t)64 << 10)

enum profile_envelope { ENVELOPE_OBJECT, ENVELOPE_ARRAY };
enum profile_auth { AUTH_HMAC, AUTH_PLAIN, AUTH_NONE };

/* What profile `custom` is made of: data, not code. Templates know {type} {event_id} {delivery_id}
 * {webhook_id} {attempt} {timestamp} {timestamp_ms} {secret}, headers {signature} and {previous_signature} too, and
 * what is signed {body}. */
enum custom_algorithm { CUSTOM_SHA256, CUSTOM_SHA512 };
enum custom_encoding { CUSTOM_HEX, CUSTOM_BASE64 };
enum custom_body { CUSTOM_ENVELOPE, CUSTOM_DATA };

struct profile_options {
    int json;              /* enum json_form */
    int bigint;            /* enum json_bigint */
    int envelope;          /* enum profile_envelope */
    int auth;              /* enum profile_auth */
    bool restamp_on_retry; /* a retry has a timestamp of its own */
    bool scope;            /* the members that newer panels add */
    bool tries;            /* the member `tries` counts attempts; else it stays as posted, or 0 */
    int64_t batch_seconds; /* how long events are gathered for one array; 0: not at all */
    int64_t batch_max;     /* events in one array; of other envelopes it is 1 */

    struct field_map headers; /* name: template */
    struct str signed_text;   /* template */
    int algorithm;            /* enum custom_algorithm */
    int encoding;             /* enum custom_encoding */
    int body;                 /* enum custom_body */

    struct str transform; /* JSON: what messages for people say; p == NULL: the standard */
};

#define PROFILE_BATCH_SECONDS_MAX 3600
#define PROFILE_BATCH_MAX         1000
#define PROFILE_HEADERS_MAX       20
#define PROFILE_TEMPLATE_MAX      1024

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
    int64_t due_ms; /* when this attempt was */
    int64_t now_ms; /* wall clock, at sending */

    struct id webhook;
    struct profile_options options;
    struct str secret;
    struct str previous_secret; /* while a rotation's overlap lasts; else n == 0 */
};

/* Another way in which a receiver may verify: options that differ; -1: as they are. */
struct profile_variant {
    int json, auth, envelope;
};

struct profile {
    const char *name, *about;        /* the second for people, a sentence */
    struct profile_options standard; /* of a webhook that says nothing */

    /* The options that it takes: binding and writing go by this. */
    const struct field *options;
    size_t option_count;

    /* NULL if a webhook of this profile may have the secret, else what is wrong. */
    const char *(*secret_check)(struct str secret);

    /* What to try, in this order, to find out which form a receiver verifies. */
    const struct profile_variant *variants;
    size_t variant_count;

    const char *signs; /* what a signature covers, for people; NULL: there is none */

    /* Puts *** where people put credentials. NULL: nobody does; else the ledger has the options sealed. */
    void (*mask)(struct allocator alloc, struct profile_options *options);

    /* Does a message carry the secret as it is? NULL: options.auth says. */
    bool (*sends_secret)(const struct profile_options *options);

    /* Does a message carry signatures of both while a rotation lasts? NULL: never. */
    bool (*carries_both)(const struct profile_options *options, struct str secret,
                         struct str previous);

    bool signs_ed25519; /* with a whsk_ secret */

    int64_t body_max;                  /* of an array with more than one event; 0: no arrays */
    const struct profile_rules *rules; /* NULL: the general ones */

    /* Appends the URL that is really called; ERR_INVALID when there is none. NULL: as it is. */
    int (*rewrite_url)(struct str url, struct buf *out);

    /* Appends the body of a message of the first of `count` events of one webhook or, with ENVELOPE_ARRAY, of as
     * many from the first on as fit into body_max; `count` is 1 otherwise. Returns how many events it has. ERR_INVALID
     * when the first cannot be said in this profile; the buffer is then of no use. What it says is the events', in
     * the form that the options ask for; only with `tries` or `restamp_on_retry` do retries have one of their own. */
    int (*write_body)(const struct profile_input *in, size_t count, struct buf *body);

    /* Appends, to that body of `count` events, lines that each end with CRLF, without Host and Content-Length, to
     * `head`, and to `masked` the same with plain secrets as ***. ERR_INVALID when it cannot be said; the buffers are
     * then of no use. */
    int (*write_head)(const struct profile_input *in, int count, struct str body, struct buf *head,
                      struct buf *masked);
};

#define PROFILE_OPTIONS_MAX 4096 /* bytes of their JSON */

/* Reads a webhook's options: `options` starts as the profile's standard and takes what `json`, an
 * object, says. A member that the profile does not take is a problem. Problems as in fields_bind(),
 * with paths below "profile_options.". Texts live in f->alloc. */
int profile_options_bind(struct fields *f, const struct profile *profile, struct str json,
                         struct profile_options *options) MUST_CHECK;

/* Writes the options that the profile takes as the member `profile_options`; those of arrays only where
 * messages are arrays, or would be if nothing were said. */
void profile_options_write(struct jsonw *w, const struct profile *profile,
                           const struct profile_options *options);

/* Writes the JSON Schema of the profile's options, with what is in force where nothing is said, as the member `key`. */
void profile_schema_write(struct jsonw *w, const char *key, const struct profile *profile);

/* Who gets a message of this profile gets its secret. */
bool profile_sends_secret(const struct profile *profile, const struct profile_options *options);

/* The profile's write_body(), and ERR_INVALID also when the buffer was too small. */
int profile_write_body(const struct profile *profile, const struct profile_input *in, size_t count,
                       struct buf *body) MUST_CHECK;

/* Both end with NULL and have the same order. */
extern const struct profile *const profiles[];
extern const char *const profile_names[];

/* NULL: there is none of that name. */
const struct profile *profile_find(struct str name);

/* The profile that a receiver's address asks for: Discord's or Slack's; NULL: none does. `host` as
 * in a URL, `path` with or without a query. */
const struct profile *profile_detect(struct str host, struct str path);

#endif
