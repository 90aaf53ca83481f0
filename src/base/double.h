/* Doubles and decimals, each from the other, exactly and in bounded time.
 *
 * Reading: the product of the decimal's first 19 digits and 128 bits of the power of ten, with what both leave
 * out as an interval; where both ends round to one double that is it (after D. Lemire, "Number Parsing at a
 * Gigabyte per Second", Software: Practice and Experience 51(8), 2021). The rest, within 2^-64 of the middle
 * between two doubles, is strtod()'s.
 * Writing: R. Giulietti, "The Schubfach way to render doubles", 2020: the fewest digits that read back as the same
 * double, and of those the nearest.
 *
 * strtod() is safe here because the process never calls setlocale(): the decimal point is a point. */
#ifndef BASE_DOUBLE_H
#define BASE_DOUBLE_H

#include "base/str.h"

/* The double nearest to a JSON number, ties to even; infinite if it is too large. */
double double_read(struct str number);

/* digits * 10^exponent. */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* Of a finite double above zero. No digits but the first end with 0. */
struct decimal double_shortest(double x);

#endif
