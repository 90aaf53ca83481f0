/* Is it alive, is it ready, what does it offer. */
#include "reply.h"
#include "resources.h"

extern const char openapi_json[];
extern const size_t openapi_json_size;

void handle_live(struct call *call)
{
    reply_static(call, 200, STR_LIT("{\"status\":\"ok\"}"));
}

void handle_ready(struct call *call)
{
    const struct api *api = call->api;
    bool database = db_ready(api->db), ready = database && !api->stopping;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_text(w, "status", ready ? "ready" : api->stopping ? "stopping" : "unavailable");
    jsonw_text(w, "database", database ? "up" : "down");
    jsonw_text(w, "redis", queue_up(api->queue) ? "up" : "down");
    jsonw_end(w, '}');
    reply_send(call, ready ? 200 : 503);
}

void handle_openapi(struct call *call)
{
    reply_static(call, 200, (struct str){openapi_json, openapi_json_size});
}
