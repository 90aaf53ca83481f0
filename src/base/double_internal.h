/* The generated table (powers.py): the first 128 bits of 10^k, rounded up, high half first. */
#ifndef BASE_DOUBLE_INTERNAL_H
#define BASE_DOUBLE_INTERNAL_H

#include "double.h"

#define POWER_FIRST (-343)
#define POWER_LAST  324
#define POWER_EXACT 55 /* up to here, from 0 on, all of a power is in its head */

extern const uint64_t power_heads[][2];

#endif
