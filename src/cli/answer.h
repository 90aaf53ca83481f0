/* What an answer of the API means, in words and as an exit status. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "client.h"

/* STATUS_DONE: it was done. Otherwise stderr says what was wrong and what to do. An answer with a body that is no JSON
 * is none of the API's. */
int answer_judge(const struct answer *answer, const struct profile *profile) MUST_CHECK;

/* The API knows nothing of that name. */
bool answer_is_missing(const struct answer *answer);

/* What the API refuses now and will refuse the next time. */
bool answer_is_final(const struct answer *answer);

/* Of any server: not done, and it may be the next time. */
bool answer_may_pass(int status);

/* What a program answers that has taken something. */
extern const int answer_fine;

#endif
