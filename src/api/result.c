/* Statements' ends. */
#include "result.h"

#include "base/log.h"
#include "reply.h"

void result_error(struct call *call, int err)
{
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
        reply_error(call, ERR_NOT_FOUND, NULL);
    return db_count(rows) > 0;
}

bool result_unique(struct call *call, int err, const struct db_rows *rows, const char *taken)
{
    if (err != ERR_CONFLICT)
        return result_row(call, err, rows);
    call->op = NULL;
    reply_error(call, err, taken);
    return false;
}
