/* Tables and records of values, for people: fitted to the terminal, or as wide as they are where there is none. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/str.h"

struct column {
    const char *title;
    const char *member; /* its path in a row (value.h) */
    bool whole;         /* what is to be copied: cut last */
};

/* `list` is an array of objects, a row each. */
void table_print(struct str list, const struct column *columns, size_t count);

/* A line for each member of an object. */
void record_print(struct str object);

#endif
