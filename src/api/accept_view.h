/* What is said of events that were accepted. */
#ifndef API_ACCEPT_VIEW_H
#define API_ACCEPT_VIEW_H

#include "accept.h"

/* False: they were not, and that has been replied. */
bool accept_went_well(struct call *call, const struct accept_request *request, int err) MUST_CHECK;

void accept_write(struct jsonw *w, const struct accept_request *request, size_t i);

/* accept_done: 202 with all of call->state, as a list. */
void accept_reply_list(struct call *call, int err);

#endif
