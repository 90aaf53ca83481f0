/* API keys: what they may do, and their text. */
#ifndef CORE_KEY_H
#define CORE_KEY_H

#include "base/buf.h"
#include "base/crypto.h"
#include "base/id.h"

/* Each may do what those before it may. The numbers are those of the column. */
enum key_scope { SCOPE_READ = 0, SCOPE_PUBLISH = 1, SCOPE_WRITE = 2, SCOPE_ADMIN = 3 };
extern const char *const key_scope_names[]; /* ends with NULL */

#define KEY_TEXT_MAX 100

/* The key's text, "ph_<id>_<secret>", and the hash to store. The text is shown once and kept
 * nowhere. */
void key_make(struct id id, struct buf *text, uint8_t hash[SHA256_SIZE]);

/* The id inside a key's text; false if it is no key of ours. */
bool key_parse(struct str text, struct id *id);

#endif
