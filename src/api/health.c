/* Is it alive, is it ready, what does it offer. */
#include "reply.h"
#include "resources.h"

#include "store/work.h"

extern const char openapi_json[];
extern const size_t openapi_json_size;

void handle_live(struct call *call)
{
    reply_static(call, 200, STR_LIT("{\"status\":\"ok\"}"));
}

static void write_ready(struct call *call, bool database, bool today)
{
    const struct api *api = call->api;
    bool ready = database && today && !api->stopping;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "status", ready ? "ready" : api->stopping ? "stopping" : "unavailable");
    jsonw_text(w, "database", database ? "up" : "down");
    jsonw_text(w, "partitions", !database ? "unknown" : today ? "there" : "missing");
    jsonw_text(w, "redis", queue_up(api->queue) ? "up" : "down");
    jsonw_end(w, '}');
    reply_send(call, ready ? 200 : 503);
}

static void on_today(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;

    call->op = NULL;
    write_ready(call, err == 0, err == 0 && db_bool(rows, 0, 0));
}

void handle_ready(struct call *call)
{
    if (db_ready(call->api->db))
        call->op = work_today(call->api->db, on_today, call);
    else
        write_ready(call, false, false);
}

void handle_openapi(struct call *call)
{
    reply_static(call, 200, (struct str){openapi_json, openapi_json_size});
}
