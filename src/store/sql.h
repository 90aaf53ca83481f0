/* The numbers of core/ as SQL's text has them: " where state = " PENDING " and …". */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "core/delivery.h"
#include "core/webhook.h"

/* delivery.state */
#define PENDING   TEXT_OF(DELIVERY_PENDING_NUMBER)
#define DELIVERED TEXT_OF(DELIVERY_DELIVERED_NUMBER)
#define CANCELLED TEXT_OF(DELIVERY_CANCELLED_NUMBER)
#define HELD      TEXT_OF(DELIVERY_HELD_NUMBER)

/* webhook.status, webhook.disabled_reason */
#define ACTIVE      TEXT_OF(WEBHOOK_ACTIVE_NUMBER)
#define PAUSED      TEXT_OF(WEBHOOK_PAUSED_NUMBER)
#define DISABLED    TEXT_OF(WEBHOOK_DISABLED_NUMBER)
#define REASON_NONE TEXT_OF(DISABLED_NOT_NUMBER)
#define REASON_GONE TEXT_OF(DISABLED_GONE_NUMBER)

#define LEASE       "interval '" TEXT_OF(DELIVERY_LEASE_MS) " ms'"
#define HORIZON     "interval '" TEXT_OF(DELIVERY_HORIZON_MS) " ms'"

#endif
