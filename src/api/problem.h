/* What an API client is told of an error: status, title and detail (RFC 9457); its code is err_name(). */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "base/err.h"
#include "base/jsonw.h"

#define PROBLEM_TYPE "application/problem+json"

struct problem {
    int err;
    int status;
    const char *title, *detail; /* for people: what is wrong, and what is usually to be done */
};

/* Never NULL: an unknown number is ERR_INTERNAL's row. */
const struct problem *problem_of(int err);

/* Begins the object, which the caller ends, perhaps with further members. `detail` NULL: the usual one. */
void problem_write(struct jsonw *w, int err, const char *detail);

/* The phrase behind a status that we answer (RFC 9110 §15), or NULL. */
const char *status_phrase(int status);

#endif
