/* Reading and writing share one table of powers of ten. */
#include "double.h"

#include "base/defs.h"
#include "double_internal.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 uint128;

#define DIGITS_MAX    19 /* of a decimal that always fit in 64 bits */
#define EXPONENT_MAX  100000
#define SUBNORMAL_EXP (DBL_MIN_EXP - 1) /* of two: what is smaller has fewer bits */
#define FRACTION_BIT  ((uint64_t)1 << (DBL_MANT_DIG - 1)) /* above all bits of the fraction */
#define INFINITE      (FRACTION_BIT * 2047)

/* floor(log2(10^k)) and floor(log10(2^e)), right for every k and e of a double. */
static int log2_of_power(int k)
{
    return (k * 1741647) >> 19;
}

static int log10_of_two(int e)
{
    return (e * 1262611) >> 22;
}

/* The same for 3/4 of 2^e. */
static int log10_of_three_quarters(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* |number| = digits * 10^exponent, or between that and one digit more if some are left out. */
struct scanned {
    uint64_t digits;
    int64_t exponent;
    bool negative, cut;
};

static int64_t scan_exponent(const char *p, const char *end)
{
    int64_t n = 0;
    bool negative = *p == '-';

    for (p += *p == '-' || *p == '+'; p < end; p++)
        if (n < EXPONENT_MAX)
            n = n * 10 + (*p - '0');
    return negative ? -n : n;
}

static struct scanned scan(struct str number)
{
    struct scanned s = {.negative = number.p[0] == '-'};
    const char *end = number.p + number.n;
    bool fraction = false;
    int count = 0;

    for (const char *p = number.p + s.negative; p < end; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        if (*p == 'e' || *p == 'E') {
            s.exponent += scan_exponent(p + 1, end);
            break;
        }
        if (count < DIGITS_MAX) {
            s.digits = s.digits * 10 + (uint64_t)(*p - '0');
            count += s.digits > 0;
            s.exponent -= fraction;
        } else {
            s.cut = s.cut || *p != '0';
            s.exponent += !fraction;
        }
    }
    return s;
}

/* A positive number: (high * 2^64 + low) * 2^exponent. */
struct product {
    uint128 high;
    uint64_t low;
    int exponent;
};

/* digits * 10^power, rounded up. */
static struct product multiply(uint64_t digits, int power)
{
    const uint64_t *head = power_heads[power - POWER_FIRST];
    uint128 low = (uint128)digits * head[1];

    return (struct product){
        .high = (uint128)digits * head[0] + (uint64_t)(low >> 64),
        .low = (uint64_t)low,
        .exponent = log2_of_power(power) - 127,
    };
}

/* The bits of the nearest double, ties to even; they are in the order of the doubles. */
static uint64_t round_product(struct product p)
{
    int zeros = __builtin_clzll((uint64_t)(p.high >> 64));
    uint128 bits = p.high << zeros | (zeros > 0 ? p.low >> (64 - zeros) : 0);
    bool sticky = p.low << zeros != 0;
    int exponent = p.exponent + 191 - zeros; /* of the highest bit */
    int keep = exponent >= SUBNORMAL_EXP ? DBL_MANT_DIG : DBL_MANT_DIG - (SUBNORMAL_EXP - exponent);

    if (keep < 0)
        return 0;
    if (exponent >= DBL_MAX_EXP)
        return INFINITE;
    uint64_t kept = keep > 0 ? (uint64_t)(bits >> (128 - keep)) : 0;
    uint128 rest = keep > 0 ? bits << keep : bits, half = (uint128)1 << 127;
    if (rest > half || (rest == half && (sticky || kept % 2 == 1)))
        kept++; /* what this carries goes into the exponent */
    return keep < DBL_MANT_DIG ? kept : FRACTION_BIT * (uint64_t)(exponent - SUBNORMAL_EXP) + kept;
}

static double double_of(uint64_t bits, bool negative)
{
    double x;
    bits |= (uint64_t)negative << 63;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double read_slowly(struct str number)
{
    char small[128];
    char *text = number.n < sizeof small ? small : xrealloc(NULL, number.n + 1);

    memcpy(text, number.p, number.n);
    text[number.n] = '\0';
    double x = strtod(text, NULL);
    if (text != small)
        free(text);
    return x;
}

/* The ends of what digits * 10^power is between. */
struct ends {
    uint64_t low, high;
};

static struct ends convert(uint64_t digits, int power)
{
    int zeros = __builtin_clzll(digits);
    struct product p = multiply(digits << zeros, power);
    struct ends ends;

    p.exponent -= zeros;
    ends.low = ends.high = round_product(p);
    if (power >= 0 && power <= POWER_EXACT)
        return ends;
    p.high -= p.low < digits << zeros;
    p.low -= digits << zeros;
    ends.low = round_product(p);
    return ends;
}

double double_read(struct str number)
{
    struct scanned s = scan(number);

    if (s.digits == 0 || s.exponent < POWER_FIRST)
        return double_of(0, s.negative);
    if (s.exponent > DBL_MAX_10_EXP)
        return double_of(INFINITE, s.negative);
    struct ends ends = convert(s.digits, (int)s.exponent);
    if (s.cut)
        ends.high = convert(s.digits + 1, (int)s.exponent).high;
    return ends.low == ends.high ? double_of(ends.low, s.negative) : read_slowly(number);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The first 64 bits of n * 10^k, the last of them set if anything is left out. */
static uint64_t scale(uint64_t n, int k)
{
    struct product p = multiply(n, k);
    return (uint64_t)(p.high >> 64) | ((uint64_t)p.high > 1);
}

static struct decimal trim(uint64_t digits, int exponent)
{
    if (digits >= 100000000 && digits % 100000000 == 0) {
        digits /= 100000000;
        exponent += 8;
    }
    while (digits >= 10 && digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    return (struct decimal){digits, exponent};
}

/* The names are the paper's: v is the double, u and w the decimals around it, l and r the ends of what reads back as v,
 * all of them times four. */
struct decimal double_shortest(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    uint64_t fraction = bits % FRACTION_BIT;
    int biased = (int)(bits / FRACTION_BIT);
    uint64_t c = biased == 0 ? fraction : fraction + FRACTION_BIT;
    int q = (biased == 0 ? 1 : biased) + DBL_MIN_EXP - 1 - DBL_MANT_DIG;
    bool narrow = fraction == 0 && biased > 1; /* the double below is only half as far away */
    uint64_t odd = c % 2;
    int k = narrow ? log10_of_three_quarters(q) : log10_of_two(q);
    int h = q + log2_of_power(-k) + 1;
    uint64_t l = scale((4 * c - 2 + narrow) << h, -k) + odd;
    uint64_t v = scale(4 * c << h, -k);
    uint64_t r = scale((4 * c + 2) << h, -k) - odd;

    uint64_t s = v / 4, tens = s / 10;
    bool u_in = l <= 40 * tens, w_in = 40 * tens + 40 <= r;
    if (s >= 10 && u_in != w_in)
        return trim(tens + w_in, k + 1);
    u_in = l <= 4 * s;
    w_in = 4 * s + 4 <= r;
    bool up = u_in != w_in ? w_in : v > 4 * s + 2 || (v == 4 * s + 2 && s % 2 == 1);
    return trim(s + up, k);
}
