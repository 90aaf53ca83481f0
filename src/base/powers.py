#!/usr/bin/env python3
"""Writes the powers of ten as C: powers.py OUT.c. Each is the 128 bits that a power begins with, rounded up, as two
halves; its highest bit is 1."""
import sys

FIRST, LAST = -343, 324  # the least that a 64-bit decimal is told from zero with; the reverse of the smallest double
BITS = 128


def head(k: int) -> int:
    if k >= 0:
        power = 10**k
        shift = power.bit_length() - BITS
        return power << -shift if shift <= 0 else -(-power >> shift)
    power = 10**-k
    return -(-(1 << power.bit_length() - 1 + BITS) // power)


def main() -> None:
    with open(sys.argv[1], "w", encoding="ascii") as f:
        f.write('#include "double_internal.h"\n\n')
        f.write(f"_Static_assert(POWER_FIRST == {FIRST} && POWER_LAST == {LAST}, \"the table of double.c\");\n\n")
        f.write("const uint64_t power_heads[][2] = {\n")
        for k in range(FIRST, LAST + 1):
            n = head(k)
            assert n.bit_length() == BITS
            f.write(f"    {{0x{n >> 64:016x}, 0x{n & (1 << 64) - 1:016x}}},\n")
        f.write("};\n")


if __name__ == "__main__":
    main()
