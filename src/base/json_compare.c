/* Values as what they stand for: numbers exactly, whatever their size, and strings without their escapes. */
#include "json_internal.h"

#define EXPONENT_MAX ((int64_t)1 << 40) /* beyond what any text has digits for */

/* 0.DIGITS times ten to the `magnitude`; without digits it is 0. */
struct exact {
    bool negative;
    const char *p,
        *end; /* from the first digit that is not 0 to the last; there may be a point between */
    int64_t magnitude;
};

static int64_t read_exponent(const char *p, const char *end)
{
    bool negative = *p == '-';
    int64_t n = 0;

    for (p += *p == '-' || *p == '+'; p < end; p++)
        n = n < EXPONENT_MAX ? n * 10 + (*p - '0') : n;
    return negative ? -n : n;
}

static struct exact exact_of(struct str literal)
{
    struct exact x = {.negative = literal.p[0] == '-'};
    const char *p = literal.p + x.negative, *end = literal.p + literal.n;
    bool fraction = false;

    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        x.magnitude += x.p != NULL && !fraction;
        if (*p != '0') {
            x.magnitude += x.p == NULL && !fraction;
            x.p = x.p != NULL ? x.p : p;
            x.end = p + 1;
        } else if (x.p == NULL) {
            x.magnitude -= fraction;
        }
    }
    if (p < end)
        x.magnitude += read_exponent(p + 1, end);
    return x;
}

/* The next digit; behind the last one 0. */
static int take_digit(struct exact *x)
{
    if (x->p < x->end && *x->p == '.')
        x->p++;
    return x->p < x->end ? *x->p++ : '0';
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_sizes(struct exact a, struct exact b)
{
    int found = order(a.magnitude, b.magnitude);

    while (found == 0 && (a.p < a.end || b.p < b.end))
        found = order(take_digit(&a), take_digit(&b));
    return found;
}

int json_compare_numbers(struct str a, struct str b)
{
    struct exact x = exact_of(a), y = exact_of(b);
    int sign_x = x.p == NULL ? 0 : x.negative ? -1 : 1;
    int sign_y = y.p == NULL ? 0 : y.negative ? -1 : 1;

    if (sign_x != sign_y || sign_x == 0)
        return order(sign_x, sign_y);
    return sign_x * compare_sizes(x, y);
}

bool json_is_whole(struct str literal)
{
    struct exact x = exact_of(literal);
    int64_t digits = 0;

    for (; x.p < x.end; take_digit(&x))
        digits++;
    return digits <= (x.magnitude > 0 ? x.magnitude : 0);
}

bool json_same_string(struct str a, struct str b)
{
    const char *p = a.p + 1, *p_end = a.p + a.n - 1;
    const char *q = b.p + 1, *q_end = b.p + b.n - 1;

    if (str_eq(a, b))
        return true;
    while (p < p_end && q < q_end)
        if (json_next_code(&p, p_end) != json_next_code(&q, q_end))
            return false;
    return p == p_end && q == q_end;
}

size_t json_characters(struct str quoted)
{
    const char *p = quoted.p + 1, *end = quoted.p + quoted.n - 1;
    size_t n = 0;

    for (; p < end; n++)
        (void)json_next_code(&p, end);
    return n;
}
