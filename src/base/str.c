/* Slices: splitting, trimming, comparing, numbers, UTF-8. */
#include "base/str.h"

char *str_dup(struct allocator a, struct str s)
{
    char *copy = a.alloc(a.pool, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

bool str_next(struct str *rest, char sep, struct str *piece)
{
    if (rest->n == 0)
        return false;
    const char *end = memchr(rest->p, sep, rest->n);
    piece->p = rest->p;
    piece->n = end != NULL ? (size_t)(end - rest->p) : rest->n;
    size_t taken = piece->n + (end != NULL ? 1 : 0);
    rest->p += taken;
    rest->n -= taken;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_take_digits(struct str *rest)
{
    struct str digits = {rest->p, 0};

    for (; rest->n > 0 && str_is_digit(rest->p[0]); digits.n++) {
        rest->p++;
        rest->n--;
    }
    return digits;
}

bool str_all_digits(struct str s)
{
    return str_take_digits(&s).n > 0 && s.n == 0;
}

int str_thousandths(struct str digits)
{
    int value = 0;
    for (size_t i = 0; i < 3; i++)
        value = value * 10 + (i < digits.n ? digits.p[i] - '0' : 0);
    return value;
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    struct str digits = s;
    int64_t value = 0;

    if (negative)
        digits = (struct str){s.p + 1, s.n - 1};
    if (!str_all_digits(digits))
        return false;
    for (size_t i = 0; i < digits.n; i++) {
        int digit = digits.p[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return value >= min && value <= max;
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c;
}

int str_hex(char c)
{
    if (str_is_digit(c))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

/* The length of the well-formed sequence at `p`, or 0 (RFC 3629 §4). */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
        return 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

struct str str_cut(struct str s, size_t max)
{
    if (s.n <= max)
        return s;
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80)
        max--;
    return (struct str){s.p, max};
}

bool str_is_utf8(struct str s)
{
    for (size_t i = 0, n; i < s.n; i += n) {
        n = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
        if (n == 0)
            return false;
    }
    return true;
}

size_t str_characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

const char *str_name(const char *const *names, int64_t number)
{
    for (int64_t i = 0; names[i] != NULL; i++)
        if (i == number)
            return names[i];
    return "unknown";
}
