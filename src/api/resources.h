/* The handlers of all routes, by file. */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "api_internal.h"

/* health.c */
route_handler health_live, health_ready, health_openapi;

/* webhooks.c, webhook_actions.c, webhook_test.c */
route_handler webhooks_create, webhooks_index, webhooks_show, webhooks_change, webhooks_remove,
    webhooks_test, webhooks_rotate_secret, webhooks_replay;

/* preview.c */
route_handler webhooks_preview;

/* webhook_keys.c */
route_handler webhooks_jwks;

/* events.c */
route_handler events_create, events_create_batch, events_index, events_show;

/* deliveries.c */
route_handler deliveries_index, deliveries_show, deliveries_attempts, deliveries_again,
    deliveries_stop;

/* tenants.c */
route_handler apps_create, apps_index, apps_show, apps_change, apps_remove, keys_create, keys_index,
    keys_show, keys_revoke;

/* event_types.c */
route_handler event_types_create, event_types_index, event_types_show, event_types_change,
    event_types_remove;

/* authon.c */
route_handler authon_create, authon_index, authon_remove, authon_test;

#endif
