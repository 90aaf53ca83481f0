/* Order: which deliveries of a webhook wait for each other, and which replace each other. */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include "base/str.h"

#define ORDER_KEY_MAX 255

/* The lane of all deliveries to a webhook that keeps order itself. */
#define LANE_OF_WEBHOOK_NUMBER 0

/* The number that an event's ordering_key or coalesce_key stands for: 63 bits of a hash, never the above. Keys
 * that share one, which is not to be expected, are as one key. */
int64_t order_number(struct str key);

/* What is wrong with a key; NULL: nothing. */
const char *order_key_check(struct str key);

#endif
