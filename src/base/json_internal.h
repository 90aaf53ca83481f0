/* The steps over a JSON text that json.c, json_form.c and json_number.c share. All of them trust
 * json_check(): the text is valid, so a literal that was begun also ends. */
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include "base/err.h"
#include "base/json.h"

/* Which bytes of a string literal need no attention: to the validator, and when written. */
enum json_plain {
    JSON_PLAIN_CHECK = 1, /* ASCII but quote, backslash and controls */
    JSON_PLAIN_UTF8 = 2,  /* all but quote, backslash and controls */
    JSON_PLAIN_ASCII = 4, /* printable ASCII but quote and backslash */
};

extern const uint8_t json_plain[256];

static inline const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* The place after the number, true, false or null at `p`. */
const char *json_scalar_end(const char *p, const char *end);

/* Takes one character of a string off `*p`, escaped or not; two escapes that are a surrogate pair
 * are one character. A lone surrogate comes back as what it is. */
uint32_t json_next_code(const char **p, const char *end);

static inline bool json_is_surrogate(uint32_t code)
{
    return code >= 0xd800 && code <= 0xdfff;
}

/* `code`, not a surrogate, as UTF-8; the number of bytes. */
size_t json_utf8(char out[4], uint32_t code);

/* Appends a number as json_write_form() says; not for JSON_FORM_VERBATIM. */
int json_write_number(struct buf *out, struct str literal, enum json_form form,
                      enum json_bigint bigint) MUST_CHECK;

#endif
