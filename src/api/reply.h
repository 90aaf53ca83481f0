/* Answers. Each of these ends the call's business: nothing may touch the call afterwards. */
#ifndef API_REPLY_H
#define API_REPLY_H

#include "base/err.h"
#include "call.h"

/* Begins the body's JSON; the caller writes it, and reply_send() sends it. */
struct jsonw *reply_begin(struct call *call);
void reply_send(struct call *call, int status);

void reply_empty(struct call *call, int status);
void reply_static(struct call *call, int status, struct str json);      /* of the process's life */
void reply_file(struct call *call, const char *type, struct str bytes); /* likewise */

/* A problem, in the shape of the call's route. `detail`: a sentence; NULL: the usual
 * one. */
void reply_error(struct call *call, int err, const char *detail);
void reply_errorf(struct call *call, int err, const char *format, ...) PRINTF_LIKE(3, 4);

/* 404, in words that say of what: the kind of thing that the route's path names. */
void reply_not_found(struct call *call);

/* A problem that names fields: one, or those collected in call->fields. */
void reply_invalid(struct call *call, const char *field, const char *message);
void reply_problems(struct call *call, int err);

/* Not an answer: the header of one, for what was created. */
void reply_location(struct call *call, const char *path, const char *id);

#endif
