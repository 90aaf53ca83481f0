/* Numbers as Node and Python print them: the shortest digits that give back the same double, in
 * ECMAScript's Number::toString and in Python's repr.
 *
 * snprintf() and strtod() are safe here because the process never calls setlocale(): the decimal
 * point is a point. */
#include "json_internal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SAFE_DIGITS = 15,       /* any decimal of so many digits survives the way through a double */
    JS_INTEGER_DIGITS = 21, /* JavaScript prints longer integers with an exponent */
    PYTHON_INTEGER_DIGITS = 4300,
};

/* A positive number: mantissa * 10^exponent. */
struct decimal {
    uint64_t mantissa;
    int exponent;
};

static double double_of(struct str literal)
{
    char small[128];
    char *text = literal.n < sizeof small ? small : xrealloc(NULL, literal.n + 1);
    memcpy(text, literal.p, literal.n);
    text[literal.n] = '\0';
    double x = strtod(text, NULL);
    if (text != small)
        free(text);
    return x;
}

static double decimal_value(struct decimal d)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRIu64 "e%d", d.mantissa, d.exponent);
    return strtod(text, NULL);
}

/* `x` correctly rounded to `precision` digits, 1 to 17. */
static struct decimal decimal_rounded(double x, int precision)
{
    char text[32];
    struct decimal d = {0, 0};
    snprintf(text, sizeof text, "%.*e", precision - 1, x);
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p != '.')
            d.mantissa = d.mantissa * 10 + (uint64_t)(*p - '0');
    d.exponent = (int)strtol(p + 1, NULL, 10) - (precision - 1);
    return d;
}

/* How many digits any decimal of the size of `x` may have and still survive the way through a
 * double: SAFE_DIGITS, or less where denormal numbers have fewer than 53 bits. */
static int safe_digits(double x)
{
    int exponent;
    frexp(x, &exponent);
    int bits = exponent - (DBL_MIN_EXP - DBL_MANT_DIG);
    int digits = (int)((bits - 1) * 0.30103);
    return digits < 1 ? 1 : digits < SAFE_DIGITS ? digits : SAFE_DIGITS;
}

static bool is_power_of_two(double x)
{
    int exponent;
    return frexp(x, &exponent) <= 0.5;
}

/* The gap below a power of two is half the gap above. So the nearest decimal may lie below, outside
 * of what reads back as `x`, while its neighbour above, farther away, lies inside. */
static bool neighbour_reads_back(struct decimal *d, double x)
{
    struct decimal above = {d->mantissa + 1, d->exponent};
    if (!is_power_of_two(x) || decimal_value(above) != x)
        return false;
    *d = above;
    return true;
}

/* The fewest digits that read back as `x`, and of those the nearest. Where fewer than the safe
 * number would do, the rest shows as zeros at the end. */
static struct decimal decimal_shortest(double x)
{
    struct decimal d;
    int precision = safe_digits(x);
    do {
        d = decimal_rounded(x, precision);
    } while (decimal_value(d) != x && !neighbour_reads_back(&d, x) && ++precision <= 17);
    while (d.mantissa % 10 == 0) {
        d.mantissa /= 10;
        d.exponent++;
    }
    return d;
}

static void add_zeros(struct buf *out, int count)
{
    for (int i = 0; i < count; i++)
        buf_add_char(out, '0');
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
    buf_printf(out, "e%c%0*d", exponent < 0 ? '-' : '+', exponent_digits, abs(exponent));
}

/* A finite double. Where plain notation ends differs, and Python marks floats with ".0". */
static void add_double(struct buf *out, double x, bool python)
{
    bool negative = __builtin_signbit(x);
    if (negative && (python || x < 0))
        buf_add_char(out, '-');
    if (x >= 0 && x <= 0) {
        buf_add_text(out, python ? "0.0" : "0");
        return;
    }
    struct decimal d = decimal_shortest(negative ? -x : x);
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, d.mantissa);
    struct str digits = {text, (size_t)n};
    int point = n + d.exponent;
    if (point <= (python ? -4 : -6) || point > (python ? 16 : JS_INTEGER_DIGITS)) {
        add_scientific(out, digits, point - 1, python ? 2 : 1);
        return;
    }
    add_plain(out, digits, point);
    if (python && d.exponent >= 0)
        buf_add_text(out, ".0");
}

/* Appends a plain decimal fraction whose own digits, less zeros at the end, are the shortest: few
 * digits, no exponent, and not so small that either language would use one. */
static bool add_short_fraction(struct buf *out, struct str literal, bool python)
{
    const char *point = memchr(literal.p, '.', literal.n);
    if (point == NULL || literal.n > SAFE_DIGITS + 1 || memchr(literal.p, 'e', literal.n) != NULL ||
        memchr(literal.p, 'E', literal.n) != NULL)
        return false;
    const char *end = literal.p + literal.n;
    const char *lead = literal.p + (literal.p[0] == '-' ? 1 : 0);
    while (lead < end && (*lead == '0' || *lead == '.'))
        lead++;
    if (lead == end || lead - point > 4)
        return false;
    while (end[-1] == '0')
        end--;
    if (end - 1 == point)
        end += python ? 1 : -1;
    buf_add(out, literal.p, (size_t)(end - literal.p));
    return true;
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
    add_double(&printed, double_of(literal), false);
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

int json_write_number(struct buf *out, struct str literal, enum json_form form,
                      enum json_bigint bigint)
{
    bool python = form != JSON_FORM_JS;
    if (is_integer(literal))
        return write_integer(out, literal, python, bigint);
    if (add_short_fraction(out, literal, python))
        return 0;
    double x = double_of(literal);
    bool overflowed = x > DBL_MAX || x < -DBL_MAX;
    if (overflowed && python)
        return ERR_INVALID;
    if (overflowed)
        buf_add_text(out, "null");
    else
        add_double(out, x, python);
    return 0;
}
