/* Numbers as Node and Python print them: the shortest digits that give back the same double, in
 * ECMAScript's Number::toString and in Python's repr. */
#include "double.h"
#include "json_internal.h"

#include <float.h>
#include <stdlib.h>

enum {
    DIGITS_SIZE = 20,    /* of 64 bits */
    SAFE_EXPONENT = 280, /* of ten, with as many digits as are safe: far from where doubles end */
    JS_INTEGER_DIGITS = 21, /* JavaScript prints longer integers with an exponent */
    PYTHON_INTEGER_DIGITS = 4300,
};

/* Any decimal of 15 digits survives the way through a double. */
#define SAFE_DIGITS_END 1000000000000000

/* At the end of `text`: faster than a printf, of which a message may need a hundred thousand. */
static struct str digits_of(char text[DIGITS_SIZE], uint64_t n)
{
    char *p = text + DIGITS_SIZE;

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return (struct str){p, (size_t)(text + DIGITS_SIZE - p)};
}

static void add_zeros(struct buf *out, int count)
{
    static const char zeros[] = "0000000000000000000000";
    if (count > 0)
        buf_add(out, zeros, (size_t)count);
}

/* Digits with a decimal point behind the first `point` of them; `point` may lie outside. */
static void add_plain(struct buf *out, struct str digits, int point)
{
    if (point <= 0) {
        buf_add_text(out, "0.");
        add_zeros(out, -point);
        buf_add_str(out, digits);
        return;
    }
    size_t whole = (size_t)point < digits.n ? (size_t)point : digits.n;
    buf_add(out, digits.p, whole);
    add_zeros(out, point - (int)whole);
    if (whole < digits.n) {
        buf_add_char(out, '.');
        buf_add(out, digits.p + whole, digits.n - whole);
    }
}

static void add_scientific(struct buf *out, struct str digits, int exponent, int exponent_digits)
{
    buf_add(out, digits.p, 1);
    if (digits.n > 1) {
        buf_add_char(out, '.');
        buf_add(out, digits.p + 1, digits.n - 1);
    }
    char text[DIGITS_SIZE];
    struct str e = digits_of(text, (uint64_t)abs(exponent));
    buf_add_text(out, exponent < 0 ? "e-" : "e+");
    add_zeros(out, exponent_digits - (int)e.n);
    buf_add_str(out, e);
}

/* Where plain notation ends differs, and Python marks floats with ".0". */
static void add_decimal(struct buf *out, struct decimal d, bool negative, bool python)
{
    char text[DIGITS_SIZE];

    if (negative && (python || d.digits > 0))
        buf_add_char(out, '-');
    if (d.digits == 0) {
        buf_add_text(out, python ? "0.0" : "0");
        return;
    }
    struct str digits = digits_of(text, d.digits);
    int point = (int)digits.n + d.exponent;
    if (point <= (python ? -4 : -6) || point > (python ? 16 : JS_INTEGER_DIGITS)) {
        add_scientific(out, digits, point - 1, python ? 2 : 1);
        return;
    }
    add_plain(out, digits, point);
    if (python && d.exponent >= 0)
        buf_add_text(out, ".0");
}

/* A finite double. */
static void add_double(struct buf *out, double x, bool python)
{
    struct decimal zero = {0, 0};
    bool negative = __builtin_signbit(x), none = x >= 0 && x <= 0;

    add_decimal(out, none ? zero : double_shortest(negative ? -x : x), negative, python);
}

/* The exponent that begins at `p`, or one that is far from safe. */
static int read_exponent(const char *p, const char *end)
{
    bool negative = *p == '-';
    int n = 0;

    for (p += *p == '-' || *p == '+'; p < end && n < 10 * SAFE_EXPONENT; p++)
        n = n * 10 + (*p - '0');
    return negative ? -n : n;
}

/* Reads what has so few digits that they are the shortest of its double too, less zeros at the end. */
static bool read_short(struct str literal, struct decimal *d)
{
    const char *p = literal.p + (literal.p[0] == '-'), *end = literal.p + literal.n;
    bool fraction = false;

    *d = (struct decimal){0, 0};
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        d->digits = d->digits * 10 + (uint64_t)(*p - '0');
        d->exponent -= fraction;
        if (d->digits >= SAFE_DIGITS_END || d->exponent < -SAFE_EXPONENT)
            return false;
    }
    if (p < end)
        d->exponent += read_exponent(p + 1, end);
    while (d->digits > 0 && d->digits % 10 == 0) {
        d->digits /= 10;
        d->exponent++;
    }
    return d->digits == 0 || (d->exponent > -SAFE_EXPONENT && d->exponent < SAFE_EXPONENT);
}

static int add_big_integer(struct buf *out, struct str literal, enum json_bigint bigint)
{
    if (bigint == JSON_BIGINT_REJECT)
        return ERR_INVALID;
    if (bigint == JSON_BIGINT_STRING)
        buf_add_char(out, '"');
    buf_add_str(out, literal);
    if (bigint == JSON_BIGINT_STRING)
        buf_add_char(out, '"');
    return 0;
}

/* Does JavaScript print the integer with the very digits that it has here? */
static bool js_keeps_integer(struct str literal, size_t digits)
{
    static const char safe_max[] = "9007199254740992"; /* 2^53 */

    if (digits < sizeof safe_max - 1)
        return true;
    if (digits == sizeof safe_max - 1 &&
        memcmp(literal.p + literal.n - digits, safe_max, digits) <= 0)
        return true;
    if (digits > JS_INTEGER_DIGITS)
        return false;
    struct buf printed;
    buf_init(&printed, 64);
    add_double(&printed, double_read(literal), false);
    bool same = str_eq(buf_str(&printed), literal);
    buf_fini(&printed);
    return same;
}

static int write_integer(struct buf *out, struct str literal, bool python, enum json_bigint bigint)
{
    bool negative = literal.p[0] == '-';
    size_t digits = literal.n - (negative ? 1 : 0);

    if (negative && literal.p[1] == '0') {
        buf_add_char(out, '0');
        return 0;
    }
    if (python && digits > PYTHON_INTEGER_DIGITS)
        return ERR_INVALID;
    if (!python && !js_keeps_integer(literal, digits))
        return add_big_integer(out, literal, bigint);
    buf_add_str(out, literal);
    return 0;
}

static bool is_integer(struct str literal)
{
    for (size_t i = 0; i < literal.n; i++)
        if (literal.p[i] == '.' || literal.p[i] == 'e' || literal.p[i] == 'E')
            return false;
    return true;
}

bool json_integer(struct str literal, int64_t *out)
{
    struct decimal d;

    if (is_integer(literal))
        return str_to_i64(literal, INT64_MIN, INT64_MAX, out);
    if (!read_short(literal, &d) || (d.digits > 0 && d.exponent < 0))
        return false;
    int64_t n = literal.p[0] == '-' ? -(int64_t)d.digits : (int64_t)d.digits;
    for (int i = 0; n != 0 && i < d.exponent; i++)
        if (__builtin_mul_overflow(n, 10, &n))
            return false;
    *out = n;
    return true;
}

int json_write_number(struct buf *out, struct str literal, enum json_form form,
                      enum json_bigint bigint)
{
    bool python = form != JSON_FORM_JS;
    if (is_integer(literal))
        return write_integer(out, literal, python, bigint);
    struct decimal d;
    if (read_short(literal, &d)) {
        add_decimal(out, d, literal.p[0] == '-', python);
        return 0;
    }
    double x = double_read(literal);
    bool overflowed = x > DBL_MAX || x < -DBL_MAX;
    if (overflowed && python)
        return ERR_INVALID;
    if (overflowed)
        buf_add_text(out, "null");
    else
        add_double(out, x, python);
    return 0;
}
