/* The handlers of all routes, by file. Their verbs are the store's. */
#ifndef API_RESOURCES_H
#define API_RESOURCES_H

#include "route.h"

/* health.c */
route_handler handle_live, handle_ready, handle_openapi;
route_handler handle_dashboard, handle_dashboard_file, handle_docs, handle_docs_file,
    handle_portal_page, handle_portal_get, handle_portals_create;

/* webhooks.c, webhook_test.c, webhook_rotate.c */
route_handler handle_webhooks_create, handle_webhooks_list, handle_webhooks_get,
    handle_webhooks_update, handle_webhooks_delete, handle_webhooks_test, handle_webhooks_rotate;

/* event_explain.c */
route_handler handle_events_explain;

/* webhook_preview.c */
route_handler handle_webhooks_preview;

/* stream.c, webhook_stream.c, delivery_answer.c */
route_handler handle_stream, handle_webhooks_stream, handle_deliveries_answer;

/* profiles.c */
route_handler handle_profiles_list;

/* webhook_jwks.c */
route_handler handle_webhooks_jwks;

/* events.c */
route_handler handle_events_create, handle_events_create_batch, handle_events_list,
    handle_events_get;

/* event_erase.c */
route_handler handle_events_delete;

/* deliveries.c */
route_handler handle_deliveries_list, handle_deliveries_search, handle_deliveries_get,
    handle_deliveries_retry, handle_deliveries_cancel, handle_attempts_list;

/* job_start.c, jobs.c */
route_handler handle_webhooks_replay, handle_webhooks_backfill, handle_deliveries_retry_by_filter,
    handle_events_erase, handle_jobs_list, handle_jobs_get, handle_jobs_cancel;

/* apps.c, keys.c */
route_handler handle_apps_create, handle_apps_list, handle_apps_get, handle_apps_update,
    handle_apps_delete, handle_keys_create, handle_keys_list, handle_keys_get, handle_keys_update,
    handle_keys_delete, handle_key_get;

/* sources.c, ingest.c */
route_handler handle_sources_create, handle_sources_list, handle_sources_get, handle_sources_update,
    handle_sources_delete, handle_sources_rotate, handle_ingest;

/* audit.c */
route_handler handle_audit_list;

/* stats.c */
route_handler handle_stats_list, handle_stats_list_webhooks, handle_stats_now;

/* issues.c */
route_handler handle_issues_list, handle_issues_get, handle_issues_update;

/* event_types.c */
route_handler handle_event_types_create, handle_event_types_list, handle_event_types_get,
    handle_event_types_update, handle_event_types_delete;

/* authon.c */
route_handler handle_authon_create, handle_authon_list, handle_authon_delete, handle_authon_test;

#endif
