/* How webhooks look in JSON. */
#ifndef API_WEBHOOK_VIEW_H
#define API_WEBHOOK_VIEW_H

#include "base/jsonw.h"
#include "store/webhooks.h"

struct settings;

/* An object. `secret` is p == NULL but when it is to be seen, once. */
void webhook_write(struct jsonw *w, const struct settings *settings, const struct webhook *webhook,
                   struct str secret);

/* The same for who may only read (core/mask.h). */
void webhook_write_masked(struct jsonw *w, const struct settings *settings,
                          const struct webhook *webhook);

/* The member `filtered_by`: what of a filter does not hold, `refusal`, or null (p == NULL). */
void webhook_write_refusal(struct jsonw *w, struct str refusal);

#endif
