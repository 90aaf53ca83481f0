/* Which webhooks a list is of, as its query says: the same of GET /webhooks and GET /stats/webhooks. */
#ifndef API_WEBHOOK_CHOICE_H
#define API_WEBHOOK_CHOICE_H

#include "page.h"
#include "store/webhooks.h"

/* Reads the query and the page, which goes by rows that say in `column` whether they are shown (page.h). False: that has been
 * replied. */
bool webhook_choice_read(struct call *call, int column, struct webhook_choice *choice) MUST_CHECK;

#endif
