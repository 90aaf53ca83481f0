/* The table that migrations/embed.py writes at build time. */
#ifndef STORE_SCHEMA_INTERNAL_H
#define STORE_SCHEMA_INTERNAL_H

#include <stddef.h>

struct migration {
    int number;
    const char *name;
    const char *sql;
};

extern const struct migration migrations[];
extern const size_t migration_count;

#endif
