/* What an app's catalogue says of its events before they are accepted, for apps that ask for it (`strict_types`,
 * `validate`). What was looked up is remembered per thread for some seconds, within a budget of which apps have shares;
 * a change in a catalogue makes its app's forgotten at once (NOTIFY), and the seconds are the bound for when that is
 * missed. */
#ifndef API_ACCEPT_CHECK_H
#define API_ACCEPT_CHECK_H

#include "accept.h"

struct type_cache *type_cache_create(void);
void type_cache_destroy(struct type_cache *cache); /* NULL is fine */

/* Forgets what it has of an app; of all, with NULL. */
void type_cache_forget(struct type_cache *cache, const struct id *app);

/* accept_start(), for events that their catalogue takes: if it does not, 422 is replied. */
void accept_check(struct call *call, struct accept_request *request, accept_done *done);

#endif
