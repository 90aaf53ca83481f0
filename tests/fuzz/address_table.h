/* The other opinion on addresses: Python's, made by address_table.py. */
#ifndef TESTS_FUZZ_ADDRESS_TABLE_H
#define TESTS_FUZZ_ADDRESS_TABLE_H

struct special {
    int version; /* 4, 6; 0: the end */
    const char *network;
    int bits;
};

extern const struct special specials[];

#endif
