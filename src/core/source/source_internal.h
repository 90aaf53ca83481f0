/* What the kinds of sources share. */
#ifndef CORE_SOURCE_INTERNAL_H
#define CORE_SOURCE_INTERNAL_H

#include "core/source.h"

extern const struct source_kind source_marzban, source_remnawave, source_github, source_stripe,
    source_shopify, source_standard_webhooks, source_generic;

/* --- options: rows for a kind's table --------------------------------------------------------- */

#define SOURCE_AT(member) offsetof(struct source_options, member)
#define OPTION_POINTER(name, member)                                                      \
    {                                                                                     \
        name, FIELD_STR, SOURCE_AT(member), FIELD_NULLABLE, .max = SOURCE_POINTER_MAX,    \
                                                            .check = source_pointer_check \
    }
#define OPTION_HEADER(name, member)                                                             \
    {                                                                                           \
        name, FIELD_STR, SOURCE_AT(member), FIELD_NULLABLE, .min = 1, .max = SOURCE_HEADER_MAX, \
                                                            .check = source_header_check        \
    }

const char *source_pointer_check(struct str pointer);
const char *source_header_check(struct str name);

/* --- proofs: false, and `wrong` says why; in time that says nothing of the secret ------------------ */

bool source_wrong(char wrong[SOURCE_WRONG_SIZE], const char *format, ...) PRINTF_LIKE(2, 3);

/* Whether `header` has the HMAC-SHA256 of the body in that form, behind `prefix`, or the secret itself. */
bool source_verify_header(const struct source_request *request, const char *header,
                          const char *prefix, enum source_signature form, struct str secret,
                          char wrong[SOURCE_WRONG_SIZE]);

/* Whether the time of a signature, in seconds, is within the tolerance. */
bool source_verify_seconds(const struct source_request *request, struct str seconds,
                           char wrong[SOURCE_WRONG_SIZE]);

/* --- events ----------------------------------------------------------------------------------- */

/* `name` in any case, for people too; p == NULL: it is missing. */
struct str source_header(const struct source_request *request, const char *name);

/* What a pointer leads to in `json`; p == NULL: nothing. Of members of the same name the last counts. */
struct str source_at(struct str json, struct str pointer);

/* The text of a string, a number as it is written; p == NULL: it is neither, or a string that no column can hold. */
struct str source_text(struct source_turn *turn, struct str json);

/* Room for so many events; false: there are too many, which is a problem. */
bool source_room(struct source_turn *turn, size_t count);

/* The next event. `words` are joined by dots behind the prefix, those without text left out, and what no type may have
 * is replaced; no word at all is a problem of `field`. `data` has to be an object, or what is wrong is the `field` too. */
struct source_event *source_add(struct source_turn *turn, const char *field,
                                const struct str *words, size_t count, struct str data);

/* The one event of a body: with what the options say of data and key. */
void source_add_one(struct source_turn *turn, const char *field, const struct str *words,
                    size_t count);

#endif
