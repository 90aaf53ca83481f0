/* Shared by the files of verify: verify.c reads the request and says what it found, verify_forms.c tries what a
 * signature may have been made of, verify_bodies.c makes the bodies. */
#ifndef CORE_VERIFY_INTERNAL_H
#define CORE_VERIFY_INTERNAL_H

#include "base/buf.h"

/* --- verify_bodies.c -------------------------------------------------------------------------- */

#define BODY_FORMS_MAX 32

/* Something that becomes of bodies. */
struct body_form {
    const char *phrase; /* "if …" */
    const char *advice;
};

/* The first is the body as it is; NULL: there are not so many. */
const struct body_form *body_form(size_t form);

/* Appends the body in that form; false: it has none, or is too large for it. */
bool body_form_make(size_t form, struct str body, struct buf *out);

/* --- verify_forms.c --------------------------------------------------------------------------- */

enum { KEY_TEXT, KEY_DECODED };                              /* rows of the table of keys */
enum { SIGNED_BODY, SIGNED_ID_TIME_BODY, SIGNED_TIME_BODY }; /* of that of what is signed */

/* What a signature is to be made of. */
struct forms_wanted {
    size_t key, text;
};

struct forms {
    struct str secret, body, id, time;
    struct buf bodies[BODY_FORMS_MAX];
    bool has_body[BODY_FORMS_MAX];
    size_t budget; /* bytes that may be hashed still */
};

void forms_init(struct forms *forms, struct str secret, struct str body, struct str id,
                struct str time);
void forms_fini(struct forms *forms);

/* Looks for the form that makes `mac`, those that differ least from `wanted` first. 0: as wanted; > 0: in how many ways
 * it differs, with the words appended to the two; < 0: none does. */
int forms_find(struct forms *forms, struct str mac, const struct forms_wanted *wanted,
               struct buf *phrase, struct buf *advice);

/* The same of an Ed25519 signature by a public key. */
int forms_find_ed25519(struct forms *forms, struct str signature, const uint8_t *public,
                       struct buf *phrase, struct buf *advice);

/* What a form of the secret as it is makes of `value` that should be it; NULL: nothing does. */
const char *forms_find_plain(struct forms *forms, struct str value);

#endif
