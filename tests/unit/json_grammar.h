/* Texts that the validator must accept or refuse, for json_test.c. */
#ifndef TESTS_JSON_GRAMMAR_H
#define TESTS_JSON_GRAMMAR_H

#include "base/str.h"

extern const struct str json_valid[];
extern const size_t json_valid_count;

/* `offset` is of the byte that the validator has to blame. */
struct json_invalid_case {
    struct str text;
    size_t offset;
};

extern const struct json_invalid_case json_invalid[];
extern const size_t json_invalid_count;

#endif
