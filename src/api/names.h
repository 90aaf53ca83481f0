/* What requests name by a uid: handlers see ids. A uid that nobody has is the nil id to them, which nobody has either, so that
 * they answer as they do of any id that is unknown.
 *
 * Both of these: true, it is an id, nothing at all, or what cannot be a uid, and is left as it came. False: `done` is called
 * when it is one, or the call has been answered. */
#ifndef API_NAMES_H
#define API_NAMES_H

#include "call.h"

enum named {
    NAMED_APP,
    NAMED_WEBHOOK, /* of the call's app */
};

typedef void names_done(struct call *call);

/* What its path and its query name. */
bool names_resolve(struct call *call, names_done *done) MUST_CHECK;

/* What a member of its body names; `text` lives as long as the call. */
bool names_resolve_text(struct call *call, enum named kind, struct str *text,
                        names_done *done) MUST_CHECK;

#endif
