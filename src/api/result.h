/* How a call's statement ended. These stand first in its callback: they clear call->op. Where one is
 * false, the answer is on its way. */
#ifndef API_RESULT_H
#define API_RESULT_H

#include "base/err.h"
#include "call.h"

/* False: it failed. */
bool result_ok(struct call *call, int err) MUST_CHECK;

/* False: it failed, or there is no row: 404. */
bool result_row(struct call *call, int err, const struct db_rows *rows) MUST_CHECK;

/* True: it found the uid taken that it was to give, and that has been replied, 409; `whose`: " is that of …". */
bool result_uid_taken(struct call *call, int err, const char *whose) MUST_CHECK;

/* As result_row(), for a statement that may find a name taken: false then too, with 409 and `taken`. */
bool result_unique(struct call *call, int err, const struct db_rows *rows,
                   const char *taken) MUST_CHECK;

/* Replies an error of a statement: 503 or 504; any other is our fault, logged and 500. */
void result_error(struct call *call, int err);

#endif
