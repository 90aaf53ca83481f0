/* What the profiles share: their list, the options they choose from, and the head of a message. */
#ifndef CORE_PROFILE_INTERNAL_H
#define CORE_PROFILE_INTERNAL_H

#include "core/profile.h"

/* The JSON forms, for receivers that verify what they serialise again. */
extern const struct profile_variant profile_json_variants[];
#define PROFILE_JSON_VARIANTS .variants = profile_json_variants, .variant_count = 3

extern const struct profile profile_default, profile_standard_webhooks, profile_marzban,
    profile_marzban_docs, profile_remnawave, profile_remnawave_flask, profile_authon,
    profile_discord, profile_slack, profile_custom;

#define PROFILE_USER_AGENT "Posthorn-Webhooks/" POSTHORN_VERSION

/* --- options: rows for a profile's table ------------------------------------------------------ */

extern const char *const profile_envelope_names[];
extern const char *const profile_auth_names[];

#define OPTION_AT(member) offsetof(struct profile_options, member)
#define OPTION_ENUM(text, member, list, why)                                                 \
    {                                                                                        \
        text, FIELD_ENUM, OPTION_AT(member), FIELD_NULLABLE, .names = (list), .about = (why) \
    }
#define OPTION_BOOL(text, member, why)                                      \
    {                                                                       \
        text, FIELD_BOOL, OPTION_AT(member), FIELD_NULLABLE, .about = (why) \
    }
#define OPTION_JSON                            \
    OPTION_ENUM("json", json, json_form_names, \
                "The language whose serialiser gives back the very bytes that are signed.")
#define OPTION_BIGINT                                \
    OPTION_ENUM("bigint", bigint, json_bigint_names, \
                "What js does with an integer that a double cannot hold.")
#define OPTION_ENVELOPE                                       \
    OPTION_ENUM("envelope", envelope, profile_envelope_names, \
                "One event a request, or an array of all that is due.")
#define OPTION_AUTH                               \
    OPTION_ENUM("auth", auth, profile_auth_names, \
                "What proves who sends: the body's HMAC, the secret itself, or nothing.")

#define OPTION_BATCH_SECONDS                                                                     \
    {                                                                                            \
        "batch_seconds", FIELD_I64, OPTION_AT(batch_seconds), FIELD_NULLABLE,                    \
            .min = 0, .max = PROFILE_BATCH_SECONDS_MAX,                                          \
            .about = "How long events are gathered for one array; with the envelope array only." \
    }
#define OPTION_BATCH_MAX                                                           \
    {                                                                              \
        "batch_max", FIELD_I64, OPTION_AT(batch_max), FIELD_NULLABLE,              \
            .min = 1, .max = PROFILE_BATCH_MAX,                                    \
            .about = "The most events in one array; with the envelope array only." \
    }

/* json and bigint, which is all that some take. */
#define PROFILE_JSON_OPTIONS 2
extern const struct field profile_json_options[PROFILE_JSON_OPTIONS];

/* These, and those of arrays. */
#define PROFILE_ARRAY_OPTIONS 5
extern const struct field profile_array_options[PROFILE_ARRAY_OPTIONS];

/* Writes the value of an option, which is at `at`, as the member `key`. */
void profile_option_write(struct jsonw *w, const char *key, const struct field *option,
                          const void *at);

/* --- head.c ----------------------------------------------------------------------------------- */

/* What is sent, and what history may keep of it. */
struct head {
    struct buf *sent, *masked;
};

/* Adds to both. */
void head_printf(struct head *h, const char *format, ...) PRINTF_LIKE(2, 3);
void head_add(struct head *h, struct str text);

/* Adds the secret to what is sent, *** to the masked head. */
void head_add_secret(struct head *h, struct str secret);

/* Adds a whole line that proves who sends: `name`, and by `auth` the hex of the body's HMAC or the
 * secret; nothing without a secret. */
void head_add_auth(struct head *h, const char *name, int auth, struct str secret, struct str body);

/* What every write_head() returns: 0, or ERR_INVALID when a buffer was too small. */
int head_end(const struct head *h) MUST_CHECK;

/* --- body.c ----------------------------------------------------------------------------------- */

/* A whole notification of Remnawave's for data, as a source has it: {scope, event, timestamp, data, meta}, without
 * some of them, and nothing else, whose event is the type, or its end. */
struct notification {
    struct str timestamp; /* without its quotes */
    struct str data;
};
bool body_notification(const struct profile_input *in, struct notification *out);

/* What people are shown of an event: its data, or that of the notification that it is. */
struct str body_shown(const struct profile_input *in);

/* Appends `text` in the form that the webhook asks for. */
int body_write(const struct profile_input *in, struct str text, struct buf *body) MUST_CHECK;

/* Appends {"event":…,"timestamp":…,"data":…} in the webhook's form. */
int body_write_event(const struct profile_input *in, const char *timestamp,
                     struct buf *body) MUST_CHECK;

/* Appends {"id":…,"type":…,"created_at":…,"data":…} in the webhook's form. */
int body_write_envelope(const struct profile_input *in, struct buf *body) MUST_CHECK;

#define PROFILE_ARRAY_MAX ((int64_t)100 << 10) /* bytes: what Express and others take */

/* Writes one event's object. */
typedef int body_writer(const struct profile_input *in, struct buf *body);

/* Appends what `one` makes of the first event or, with ENVELOPE_ARRAY, an array of it and of as many
 * after it as fit. How many events that are; ERR_INVALID when the first cannot be written. */
int body_write_many(const struct profile_input *in, size_t count, body_writer *one,
                    struct buf *body) MUST_CHECK;

/* What identifies a message of `count` events: the one's id or, of more, an id that the same events
 * have whenever they go together. */
const char *message_id(char out[ID_TEXT_SIZE], const struct profile_input *in, int count);

/* --- chat.c: what Discord and Slack have in common -------------------------------------------- */

/* Writes the character at `*p` to `out` as the service wants it, and moves on; the UTF-16 units
 * that were written. */
typedef size_t chat_escape(struct buf *out, const char **p, const char *end);

/* One character of UTF-8, as it is. */
size_t chat_copy(struct buf *out, const char **p, const char *end);

/* Appends UTF-8 `text`, escaped, in at most `limit` UTF-16 units, which is the strictest reading of
 * "characters"; what is cut ends with "…". The units written. */
size_t chat_add(struct buf *out, struct str text, chat_escape *escape, size_t limit);

/* Takes back what was added behind `start` if it is blanks or nothing: services refuse what has nothing to show. Whether it
 * did. */
bool chat_drop_blank(struct buf *out, size_t start);

/* Appends a JSON value for people: a string's content, anything else as compact JSON; "-" for what
 * would look empty. */
void chat_value(struct buf *out, struct str json);

/* The value of a member of `data`, or p == NULL. */
struct str chat_member(struct str data, const char *name);

/* 0xRRGGBB by the kind of event. */
int chat_colour(struct str type);

/* --- transform.c: what their messages say, if people say so ----------------------------------- */

#define TRANSFORM_FIELDS_MAX 25
#define TRANSFORM_MEMBERS    6
#define TRANSFORM_OPTIONS                                                                     \
    {                                                                                         \
        {                                                                                     \
            "transform", FIELD_RAW, OPTION_AT(transform), FIELD_NULLABLE,                     \
                .kinds = FIELD_KIND(JSON_OBJECT), .inside = transform_members,                \
                .inside_count = TRANSFORM_MEMBERS,                                            \
                .about = "What messages say. {{/user/name}} is a value of the event's data, " \
                         "{{type}} its type; what follows a | stands for what is not there."  \
        }                                                                                     \
    }

extern const struct field transform_members[TRANSFORM_MEMBERS];

/* Of what `json` says: problems below "profile_options.transform.", and ERR_INVALID if there are any. */
int transform_check(struct fields *f, struct str json, bool links) MUST_CHECK;

/* How far what is made of an event has come: bytes of its data that may still be gone over, for all that is asked of one
 * message. What is beyond it is not found. A gigabyte a second: some 20 ms. */
#define TRANSFORM_WALK_MAX ((size_t)16 << 20)

struct transform {
    const struct profile_input *in;
    size_t left;
};

/* What the option, or a part of it, says there; p == NULL: nothing, or there is no option. */
struct str transform_at(struct str json, const char *pointer);

/* Appends what a template, a literal of the option, comes to: its own words as they are, values escaped, in at most `limit`
 * units. The units written; nothing of p == NULL, nor where all of it is blank. */
size_t transform_add(struct buf *out, struct str quoted, struct transform *t, chat_escape *escape,
                     size_t limit);

/* 0xRRGGBB; what chat_colour() says if the option says nothing. */
int transform_colour(struct transform *t);

/* --- discord.c, slack.c ----------------------------------------------------------------------- */

bool discord_owns(struct str host, struct str path);
bool discord_takes_slack(struct str host, struct str path);
bool slack_owns(struct str host, struct str path);

#endif
