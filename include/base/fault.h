/* What is wrong with the options: all of it, a line each, for people. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/str.h"

#include <stdio.h>

#define FAULTS_MAX 64

struct fault {
    struct str name; /* of the option, borrowed */
    char text[512];
};

/* Starts as zeroes. */
struct faults {
    struct fault at[FAULTS_MAX];
    size_t count, dropped; /* `dropped`: those that had no place */
};

/* The words follow the option's name and a colon: "must be …, is …". They never hold the value of a
 * secret. */
void faults_add(struct faults *faults, struct str name, const char *format, ...) PRINTF_LIKE(3, 4);

/* Something is wrong with this option: what follows from its value is not worth saying. */
bool faults_name(const struct faults *faults, const char *name);

void faults_print(const struct faults *faults, FILE *out);

#endif
