/* A schema as it is kept: nodes that know each other by number, and slices of its own text. */
#ifndef CORE_SCHEMA_INTERNAL_H
#define CORE_SCHEMA_INTERNAL_H

#include "core/schema.h"

#define KIND(kind)    (1U << (kind))
#define KIND_WHOLE    (1U << 8) /* a number without a fraction */
#define NO_NODE       (-1)
#define COUNT_LIMITS  3
#define NUMBER_LIMITS 4

struct schema_nodes {
    int *at;
    size_t n;
};

/* Something by a name: a property that is described or required, a definition. */
struct schema_name {
    struct str text;   /* without escapes */
    struct str quoted; /* as it stands in the schema */
    int node;          /* or NO_NODE */
    bool required;
};

struct schema_names {
    struct schema_name *at; /* in order, each once */
    size_t n;
};

struct schema_node {
    bool never;     /* `false` */
    unsigned kinds; /* 0: any */
    bool nullable;
    struct str constant, choices;      /* JSON; p == NULL: not said */
    struct str numbers[NUMBER_LIMITS]; /* minimum, exclusiveMinimum, maximum, exclusiveMaximum */
    int64_t least[COUNT_LIMITS],
        most[COUNT_LIMITS]; /* characters, items, properties; < 0: not said */
    struct schema_names properties;
    size_t required;
    int additional, items, no, ref;
    struct schema_nodes all, any, one;
};

struct schema {
    char *text;  /* that it was read from */
    char *names; /* without escapes */
    size_t text_n, names_n;
    struct schema_node *nodes; /* the first is the whole */
    size_t count, room;
    struct schema_names definitions; /* "$defs/name", "definitions/name" */
};

/* NULL: there is none. */
const struct schema_name *schema_names_find(const struct schema_names *names, struct str text);

#endif
