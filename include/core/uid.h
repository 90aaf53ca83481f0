/* Uids: what clients call an app or a webhook by, where they do not want to keep its id. */
#ifndef CORE_UID_H
#define CORE_UID_H

#include "base/str.h"

#define UID_MAX 64

/* NULL if an app or a webhook may be given `uid`, of at most UID_MAX characters, else what is wrong. */
const char *uid_check(struct str uid);

/* Whether one of them may have it: what cannot be a uid, or is an id, is not looked for. */
bool uid_is_possible(struct str text);

#endif
