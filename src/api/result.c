/* Statements' ends. */
#include "result.h"

#include "base/log.h"
#include "base/metrics.h"
#include "reply.h"

/* The one thing that statements of any kind run out of: where their changes are written down. */
static void reply_unwritten(struct call *call)
{
    char app[ID_TEXT_SIZE], key[ID_TEXT_SIZE];

    metric_add(METRIC_AUDIT_ROWS_MET, 1);
    log_bounded(LOG_LEVEL_WARN, "audit_full", "app=%s key=%s", id_text(app, ID_APP, call->app),
                id_text(key, ID_KEY, call->key));
    reply_errorf(
        call, ERR_LIMITED,
        "This key has made as many changes in 30 days as the audit log has room for, which is "
        "POSTHORN_AUDIT_ROWS_PER_APP (%lld) and shared by the app's keys",
        (long long)call->api->settings->config.audit_rows_per_app);
}

void result_error(struct call *call, int err)
{
    if (err == ERR_LIMITED) {
        reply_unwritten(call);
        return;
    }
    /* A conflict, or data that validation should have caught. */
    if (err != ERR_UNAVAILABLE && err != ERR_BUSY && err != ERR_LOCKED && err != ERR_TIMEOUT) {
        log_error("request_failed", "request=%s error=%s", call->request_id, err_name(err));
        err = ERR_INTERNAL;
    }
    /* Whatever reads changes nothing. */
    if (err == ERR_TIMEOUT && strcmp(call->route->method, "GET") == 0)
        reply_error(call, ERR_BUSY, "The database did not answer in time; try again in a second");
    else
        reply_error(call, err, NULL);
}

bool result_ok(struct call *call, int err)
{
    call->op = NULL;
    if (err < 0)
        result_error(call, err);
    return err == 0;
}

bool result_row(struct call *call, int err, const struct db_rows *rows)
{
    if (!result_ok(call, err))
        return false;
    if (db_count(rows) == 0)
        reply_not_found(call);
    return db_count(rows) > 0;
}

bool result_uid_taken(struct call *call, int err, const char *whose)
{
    if (err != ERR_CONFLICT)
        return false;
    call->op = NULL;
    fields_problem(&call->fields, "uid", whose);
    reply_problems(call, err);
    return true;
}

bool result_unique(struct call *call, int err, const struct db_rows *rows, const char *taken)
{
    if (err != ERR_CONFLICT)
        return result_row(call, err, rows);
    call->op = NULL;
    reply_error(call, err, taken);
    return false;
}
