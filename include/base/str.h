/* A borrowed slice of bytes. It owns nothing and need not end with NUL. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/defs.h"

#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR_LIT(s) ((struct str){(s), sizeof(s) - 1})
#define STR_NONE   ((struct str){NULL, 0}) /* where something may be missing */
/* For printf's "%.*s". */
#define STR_FMT(s) (int)(s).n, (s).p

static inline struct str str_of(const char *text)
{
    return (struct str){text, text != NULL ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_eq_text(struct str a, const char *text)
{
    return str_eq(a, str_of(text));
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* A NUL-terminated copy in `a`. */
char *str_dup(struct allocator a, struct str s);

/* Takes the bytes up to the first `sep` off `*rest`; false when `*rest` was empty. The piece is not
 * trimmed and may be empty; a trailing separator yields no further piece. */
bool str_next(struct str *rest, char sep, struct str *piece);

/* Without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);

/* Of ASCII; whatever the locale. */
static inline bool str_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool str_is_alnum(char c)
{
    return str_is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Takes the decimal digits that `*rest` begins with; n == 0: it does not begin with any. */
struct str str_take_digits(struct str *rest);

/* At least one digit, and nothing else. */
bool str_all_digits(struct str s);

/* Of the digits behind a decimal point, the first three as thousandths: "5" is 500. */
int str_thousandths(struct str digits);

/* A decimal integer in [min, max], whole string, optional '-'; false if it is anything else. */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);

/* The value of a hexadecimal digit, of either case; -1 if it is none. */
int str_hex(char c);

/* Equal without regard to the case of ASCII letters. */
bool str_eq_nocase(struct str a, struct str b);

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
bool str_is_utf8(struct str s);

/* The characters of what is well-formed. */
size_t str_characters(struct str s);

/* What a stored number is called, of names that end with NULL; "unknown" if it is none of theirs: the
 * row may be a newer release's. */
const char *str_name(const char *const *names, int64_t number);

/* The start of UTF-8 `s` that has at most `max` bytes and ends with a whole character. */
struct str str_cut(struct str s, size_t max);

#endif
