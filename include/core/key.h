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

/* What a key's text says of itself. */
enum key_proof {
    KEY_NONE, /* no key of ours */
    KEY_UNPROVEN, /* its form is right: made before texts had a check or under another encryption key, or a guess */
    KEY_PROVEN, /* made under this encryption key; it may have ended since */
};

/* What the check in keys' texts is made with. */
void key_check_secret(const uint8_t seal_key[SEAL_KEY_SIZE], uint8_t secret[SHA256_SIZE]);

/* The key's text, "ph_<id>_<secret and check>", and the hash to store. The text is shown once and kept
 * nowhere. */
void key_make(const uint8_t check_secret[SHA256_SIZE], struct id id, struct buf *text,
              uint8_t hash[SHA256_SIZE]);

/* The same for a portal token, "pt_<id>_<secret and check>": a key that opens a page (core/portal.h). */
void portal_token_make(const uint8_t check_secret[SHA256_SIZE], struct id id, struct buf *text,
                       uint8_t hash[SHA256_SIZE]);

/* Also the id inside, unless it is none; of a portal token too. */
enum key_proof key_parse(const uint8_t check_secret[SHA256_SIZE], struct str text, struct id *id);

/* The same for the token in a source's URL, "in_<id>_<secret and check>". */
void token_make(const uint8_t check_secret[SHA256_SIZE], struct id id, struct buf *text,
                uint8_t hash[SHA256_SIZE]);
enum key_proof token_parse(const uint8_t check_secret[SHA256_SIZE], struct str text, struct id *id);

#endif
