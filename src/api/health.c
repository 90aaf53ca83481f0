/* Is it alive, is it ready, what does it offer. */
#include "resources.h"

extern const char openapi_json[];
extern const size_t openapi_json_size;

void health_live(struct call *call)
{
    reply_static(call, 200, STR_LIT("{\"status\":\"ok\"}"));
}

void health_ready(struct call *call)
{
    struct server *server = call->server;
    bool database = db_ready(server->db), ready = database && !server->stopping;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "status", ready ? "ready" : server->stopping ? "stopping" : "unavailable");
    jsonw_text(w, "database", database ? "up" : "down");
    jsonw_text(w, "redis", queue_up(server->queue) ? "up" : "down");
    jsonw_end(w, '}');
    reply_send(call, ready ? 200 : 503);
}

void health_openapi(struct call *call)
{
    reply_static(call, 200, (struct str){openapi_json, openapi_json_size});
}
