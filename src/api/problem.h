/* What an API client is told of an error: status and title (RFC 9457); its code is err_name(). */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "base/err.h"
#include "base/jsonw.h"

#define PROBLEM_TYPE "application/problem+json"

struct problem {
    int err;
    int status;
    const char *title; /* for people */
};

/* Never NULL: an unknown number is ERR_INTERNAL's row. */
const struct problem *problem_of(int err);

/* Begins the object, which the caller ends, perhaps with further members. `detail` NULL: the title. */
void problem_write(struct jsonw *w, int err, const char *detail);

/* The phrase behind a status that we answer (RFC 9110 §15), or NULL. */
const char *status_phrase(int status);

#endif
