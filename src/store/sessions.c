/* What a connection is given when it is opened: its session, and the statements that are prepared on it.
 * This file knows those that hold statements, and none of them knows it. */
#include "store/store.h"

#include "store/apps.h"
#include "store/audit.h"
#include "store/deliveries.h"
#include "store/dropins.h"
#include "store/event_streams.h"
#include "store/event_types.h"
#include "store/events.h"
#include "store/gates.h"
#include "store/issues.h"
#include "store/jobs.h"
#include "store/keys.h"
#include "store/listens.h"
#include "store/notices.h"
#include "store/portals.h"
#include "store/published.h"
#include "store/sources.h"
#include "store/tallies.h"
#include "store/traces.h"
#include "store/webhooks.h"
#include "store/work.h"

/* Generic plans are right for every statement here and save planning each time; without sequential
 * and bitmap scans a plan made while a partition was empty stays good (migrations/README.md). */
#define SESSION                                                                         \
    "set plan_cache_mode = force_generic_plan", "set enable_seqscan = off",             \
        "set enable_bitmapscan = off", "set jit = off", "set statement_timeout = '8s'", \
        "set timezone = 'UTC'"

/* A client waits for one row. A worker's statement has many, and others behind it on its connection: who else holds
 * one of them must not hold them all up. Its own locks are held for milliseconds. */
#define PATIENT   "set lock_timeout = '4s'"
#define IMPATIENT "set lock_timeout = '1s'"

static const char read_deadline[] = "set statement_timeout = '" TEXT_OF(STORE_READ_MS) " ms'";

const char *const store_api_session[] = {SESSION, PATIENT, "set synchronous_commit = on", NULL};
/* PostgreSQL looks whether the client is still there while a statement runs (since 14). */
const char *const store_read_session[] = {
    SESSION,
    read_deadline,
    "set enable_sort = off", /* lists come in the order of an index, and end with their limit */
    "set client_connection_check_interval = '200 ms'",
    "set default_transaction_read_only = on",
    NULL,
};

const char *const store_worker_session[] = {SESSION, IMPATIENT, "set synchronous_commit = off",
                                            NULL};
/* Who stops within a transaction has an app's turn. */
const char *const store_inbox_session[] = {SESSION, IMPATIENT, "set synchronous_commit = on",
                                           "set idle_in_transaction_session_timeout = '3s'", NULL};
const char *const store_command_session[] = {SESSION, PATIENT, "set synchronous_commit = on", NULL};

static const struct db_stmt stmt_listen_test = {"listen_test", "listen " STORE_TEST_CHANNEL, 0};
static const struct db_stmt stmt_listen_key = {"listen_key", "listen " STORE_KEY_CHANNEL, 0};
static const struct db_stmt stmt_listen_type = {"listen_type", "listen " STORE_TYPE_CHANNEL, 0};
const struct db_stmt *const store_api_listens[] = {&stmt_listen_test, &stmt_listen_key,
                                                   &stmt_listen_type, NULL};

static const struct db_stmt stmt_listen_published = {"listen_published",
                                                     "listen " STORE_PUBLISHED_CHANNEL, 0};
const struct db_stmt *const store_inbox_listens[] = {&stmt_listen_published, NULL};

const struct db_stmt *const store_api_stmts[] = {
    &stmt_webhook_insert,
    &stmt_webhook_get,
    &stmt_webhook_get_asked,
    &stmt_webhook_find,
    &stmt_webhook_get_secrets,
    &stmt_webhook_update,
    &stmt_webhook_rotate,
    &stmt_webhook_delete,
    &stmt_event_accept,
    &stmt_event_accept_plain,
    &stmt_event_accept_unkeyed,
    &stmt_event_insert_test,
    &stmt_event_erase,
    &stmt_event_forget_keys,
    &stmt_delivery_get,
    &stmt_delivery_retry,
    &stmt_delivery_cancel,
    &stmt_attempt_list,
    &stmt_listen_get,
    &stmt_listen_expire,
    &stmt_work_answer,
    &stmt_job_insert,
    &stmt_job_get,
    &stmt_job_cancel,
    &stmt_app_insert,
    &stmt_app_get,
    &stmt_app_find,
    &stmt_app_update,
    &stmt_app_delete,
    &stmt_key_insert,
    &stmt_key_get,
    &stmt_key_use,
    &stmt_portal_insert,
    &stmt_portal_get,
    &stmt_key_update,
    &stmt_key_delete,
    &stmt_source_insert,
    &stmt_source_get,
    &stmt_source_find,
    &stmt_source_update,
    &stmt_source_rotate,
    &stmt_source_delete,
    &stmt_tally_add_accepted,
    &stmt_issue_get,
    &stmt_issue_update,
    &stmt_event_type_insert,
    &stmt_event_type_get,
    &stmt_event_type_find,
    &stmt_event_type_update,
    &stmt_event_type_delete,
    &stmt_work_partitions_make,
    &stmt_work_today,
    NULL,
};

const struct db_stmt *const store_read_stmts[] = {
    &stmt_webhook_list,
    &stmt_webhook_standing,
    &stmt_webhook_explain,
    &stmt_event_list,
    &stmt_event_get,
    &stmt_delivery_list,
    &stmt_delivery_search,
    &stmt_delivery_of_event,
    &stmt_attempt_list,
    &stmt_job_plan_again,
    &stmt_job_plan_backfill,
    &stmt_job_plan_erase,
    &stmt_job_list,
    &stmt_app_list,
    &stmt_key_list,
    &stmt_event_type_list,
    &stmt_audit_list,
    &stmt_audit_list_all,
    &stmt_tally_list,
    &stmt_source_list,
    &stmt_issue_list,
    &stmt_issue_list_webhook,
    &stmt_tally_list_webhooks,
    &stmt_listen_next,
    &stmt_event_stream_look,
    &stmt_event_stream_get,
    NULL,
};

const struct db_stmt *const store_worker_stmts[] = {
    &stmt_work_claim,
    &stmt_work_claim_plain,
    &stmt_work_gather,
    &stmt_work_data,
    &stmt_work_waiting,
    &stmt_work_finish,
    &stmt_work_finish_plain,
    &stmt_work_locked,
    &stmt_work_release,
    &stmt_work_overdue,
    &stmt_work_upcoming,
    &stmt_work_claim_due,
    &stmt_work_leases,
    &stmt_work_take_back,
    &stmt_work_lease_end,
    &stmt_work_partitions_make,
    &stmt_work_partitions_drop,
    &stmt_work_forget,
    &stmt_work_wake,
    &stmt_work_measure,
    &stmt_job_next,
    &stmt_job_step_again,
    &stmt_job_step_backfill,
    &stmt_job_step_fanout,
    &stmt_job_step_erase,
    &stmt_job_step_settle,
    &stmt_job_put_off,
    &stmt_job_forget,
    &stmt_webhook_disable_failing,
    &stmt_webhook_forget,
    &stmt_audit_forget,
    &stmt_tally_add,
    &stmt_tally_add_accepted,
    &stmt_issue_add,
    &stmt_issue_forget,
    &stmt_notice_list,
    &stmt_notice_send,
    &stmt_portal_forget,
    &stmt_tally_forget,
    &stmt_published_forget,
    &stmt_gate_update,
    &stmt_gate_list,
    &stmt_gate_get,
    &stmt_gate_put,
    NULL,
};

const struct db_stmt *const store_inbox_stmts[] = {
    &stmt_begin,
    &stmt_commit,
    &stmt_published_look,
    &stmt_published_take,
    &stmt_published_refuse,
    &stmt_event_accept_published,
    &stmt_work_partitions_make,
    NULL,
};

const struct db_stmt *const store_command_stmts[] = {
    &stmt_begin,
    &stmt_commit,
    &stmt_app_get,
    &stmt_app_find,
    &stmt_event_type_load,
    &stmt_key_insert,
    &stmt_key_list_all,
    &stmt_key_delete,
    &stmt_dropin_lock,
    &stmt_dropin_list,
    &stmt_dropin_put,
    &stmt_dropin_retire,
    &stmt_webhook_list_sealed,
    &stmt_webhook_seal_again,
    &stmt_source_list_sealed,
    &stmt_source_seal_again,
    &stmt_trace_find,
    &stmt_trace_attempts,
    NULL,
};
