/* What a call does, for the audit log. */
#ifndef API_DEED_H
#define API_DEED_H

#include "call.h"
#include "store/audit.h"

/* Who, from where, in which request; and the fields that its body gave. Of the call: it lives as long. */
struct deed *deed_of(struct call *call, enum audit_action action);

/* Of these fields instead; `field` may be NULL: of none. */
struct deed *deed_on(struct call *call, enum audit_action action, const char *field);

#endif
