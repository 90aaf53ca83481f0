/* How deliveries and their attempts look in JSON. */
#ifndef API_DELIVERY_VIEW_H
#define API_DELIVERY_VIEW_H

#include "base/jsonw.h"
#include "store/deliveries.h"

/* `masked`: for who may only read, see core/mask.h. */

/* An object each: in its own right, in a list of a webhook's, of an app's, in the list of an event's. */
void delivery_write(struct jsonw *w, const struct delivery *delivery, bool masked);
void delivery_write_row(struct jsonw *w, const struct delivery *delivery);
void delivery_write_listed(struct jsonw *w, const struct delivery *delivery);
void delivery_write_of_event(struct jsonw *w, const struct delivery *delivery);

void attempt_write(struct jsonw *w, const struct attempt_row *attempt, bool masked);

/* Members of such objects. `error` is an enum attempt_error; without one its member is null. */
const char *attempt_status(int error);
void attempt_write_error(struct jsonw *w, const char *key, int error, struct str text);

#endif
