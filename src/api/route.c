/* The table of routes, and the way of a request to its handler. */
#include "api_internal.h"
#include "resources.h"

#include "api/server.h"
#include "base/json.h"
#include "base/log.h"

#define TARGET_MAX 4096
#define ANSWER_MAX ((size_t)16 << 20)
#define REQUEST_ID "req"

const struct route routes[] = {
    {"GET", "/healthz", SCOPE_OPEN, health_live},
    {"GET", "/readyz", SCOPE_OPEN, health_ready},
    {"GET", "/openapi.json", SCOPE_OPEN, health_openapi},

    {"POST", "/webhooks", SCOPE_WRITE, webhooks_create},
    {"GET", "/webhooks", SCOPE_READ, webhooks_index, {"status", "limit", "cursor"}},
    {"GET", "/webhooks/{id}", SCOPE_READ, webhooks_show},
    {"PATCH", "/webhooks/{id}", SCOPE_WRITE, webhooks_change},
    {"DELETE", "/webhooks/{id}", SCOPE_WRITE, webhooks_remove},
    {"POST", "/webhooks/{id}/test", SCOPE_WRITE, webhooks_test},
    {"POST", "/webhooks/{id}/secret/rotate", SCOPE_WRITE, webhooks_rotate_secret},
    {"POST", "/webhooks/{id}/replay", SCOPE_WRITE, webhooks_replay},
    {"POST", "/webhooks/{id}/preview", SCOPE_READ, webhooks_preview},
    {"GET", "/webhooks/{id}/jwks.json", SCOPE_OPEN, webhooks_jwks},
    {"GET",
     "/webhooks/{id}/deliveries",
     SCOPE_READ,
     deliveries_index,
     {"status", "event_type", "since", "until", "limit", "cursor"}},

    {"POST", "/events", SCOPE_PUBLISH, events_create},
    {"POST", "/events/batch", SCOPE_PUBLISH, events_create_batch},
    {"GET", "/events", SCOPE_READ, events_index, {"type", "since", "until", "limit", "cursor"}},
    {"GET", "/events/{id}", SCOPE_READ, events_show},

    {"GET", "/deliveries/{id}", SCOPE_READ, deliveries_show},
    {"GET", "/deliveries/{id}/attempts", SCOPE_READ, deliveries_attempts},
    {"POST", "/deliveries/{id}/retry", SCOPE_WRITE, deliveries_again},
    {"POST", "/deliveries/{id}/cancel", SCOPE_WRITE, deliveries_stop},

    {"POST", "/event-types", SCOPE_WRITE, event_types_create},
    {"GET", "/event-types", SCOPE_READ, event_types_index, {"limit", "cursor"}},
    {"GET", "/event-types/{name}", SCOPE_READ, event_types_show},
    {"PATCH", "/event-types/{name}", SCOPE_WRITE, event_types_change},
    {"DELETE", "/event-types/{name}", SCOPE_WRITE, event_types_remove},

    {"POST", "/apps", SCOPE_ADMIN, apps_create},
    {"GET", "/apps", SCOPE_ADMIN, apps_index, {"limit", "cursor"}},
    {"GET", "/apps/{id}", SCOPE_ADMIN, apps_show},
    {"PATCH", "/apps/{id}", SCOPE_ADMIN, apps_change},
    {"DELETE", "/apps/{id}", SCOPE_ADMIN, apps_remove},

    {"POST", "/keys", SCOPE_ADMIN, keys_create},
    {"GET", "/keys", SCOPE_ADMIN, keys_index, {"limit", "cursor"}},
    {"GET", "/keys/{id}", SCOPE_ADMIN, keys_show},
    {"DELETE", "/keys/{id}", SCOPE_ADMIN, keys_revoke},

    {"POST", "/admin/apps/{app}/webhooks", SCOPE_WRITE, authon_create, .shape = SHAPE_AUTHON},
    {"GET", "/admin/apps/{app}/webhooks", SCOPE_READ, authon_index, .shape = SHAPE_AUTHON},
    {"DELETE", "/admin/apps/{app}/webhooks/{id}", SCOPE_WRITE, authon_remove,
     .shape = SHAPE_AUTHON},
    {"POST", "/admin/apps/{app}/webhooks/{id}/test", SCOPE_WRITE, authon_test,
     .shape = SHAPE_AUTHON},
};
const size_t route_count = ARRAY_LEN(routes);

void routes_print(FILE *out)
{
    for (size_t i = 0; i < route_count; i++)
        fprintf(out, "%s %s %s\n", routes[i].method, routes[i].path,
                routes[i].scope == SCOPE_OPEN ? "open" : key_scope_names[routes[i].scope]);
}

/* --- the call --------------------------------------------------------------------------------- */

void *call_alloc(struct call *call, size_t size)
{
    void *p = h2o_mem_alloc_pool(&call->req->pool, size);
    memset(p, 0, size);
    return p;
}

static void *pool_alloc(void *pool, size_t size)
{
    return h2o_mem_alloc_pool(pool, size);
}

struct allocator call_allocator(struct call *call)
{
    return (struct allocator){pool_alloc, &call->req->pool};
}

/* What is under way must not call back. */
static void cancel(struct call *call)
{
    db_cancel(call->op);
    accept_cancel(call->accepting);
    test_wait_cancel(call->waiting);
    call->op = NULL;
    call->accepting = NULL;
    call->waiting = NULL;
}

void call_abandon(struct call *call)
{
    if (call->req->res.status != 0)
        return; /* it has its answer */
    cancel(call);
    reply_error(call, ERR_UNAVAILABLE, "the server is stopping");
}

/* The request is gone, answered or not. */
static void dispose(void *p)
{
    struct call *call = p;
    cancel(call);
    list_remove(&call->node);
    buf_fini(&call->out);
}

static struct call *call_create(struct server *server, h2o_req_t *req)
{
    struct call *call = h2o_mem_alloc_shared(&req->pool, sizeof *call, dispose);
    memset(call, 0, sizeof *call);
    call->server = server;
    call->req = req;
    call->fields.alloc = call_allocator(call);
    buf_init(&call->out, ANSWER_MAX);
    id_text(call->request_id, REQUEST_ID, id_new());
    list_push(&server->calls, &call->node);
    return call;
}

struct str call_header(const struct call *call, const char *name)
{
    const h2o_headers_t *headers = &call->req->headers;
    ssize_t i = h2o_find_header_by_str(headers, name, strlen(name), -1);
    if (i == -1)
        return (struct str){NULL, 0};
    return (struct str){headers->entries[i].value.base, headers->entries[i].value.len};
}

bool call_bind(struct call *call, const struct field *table, size_t count, void *out)
{
    struct str body = {call->req->entity.base, call->req->entity.len};
    struct json_error error;
    char detail[160];

    if (json_check(body, BODY_DEPTH, &error) < 0) {
        snprintf(detail, sizeof detail, "%s, at byte %zu", error.message, error.offset);
        reply_error(call, ERR_BAD_JSON, detail);
        return false;
    }
    int err = fields_bind(&call->fields, table, count, body, "", out);
    if (err < 0)
        reply_problems(call, err);
    return err == 0;
}

bool call_id(struct call *call, int i, const char *prefix, struct id *id)
{
    if (id_parse(call->params[i], prefix, id))
        return true;
    reply_error(call, ERR_NOT_FOUND, NULL);
    return false;
}

struct str map_json(struct call *call, const struct field_map *map)
{
    struct buf b;
    buf_init(&b, BODY_MAX);
    struct jsonw w = jsonw_on(&b);
    jsonw_begin(&w, NULL, '{');
    for (size_t i = 0; i < map->n; i++)
        jsonw_str(&w, map->at[i].key.p, map->at[i].value);
    jsonw_end(&w, '}');
    struct str json = {str_dup(call_allocator(call), buf_str(&b)), b.n};
    buf_fini(&b);
    return json;
}

/* --- routing ---------------------------------------------------------------------------------- */

/* The next segment of "/a/b", without its slash. */
static bool next_segment(struct str *path, struct str *segment)
{
    if (path->n == 0 || path->p[0] != '/')
        return false;
    path->p++;
    path->n--;
    const char *end = path->n > 0 ? memchr(path->p, '/', path->n) : NULL;
    *segment = (struct str){path->p, end != NULL ? (size_t)(end - path->p) : path->n};
    path->p += segment->n;
    path->n -= segment->n;
    return true;
}

/* How many segments stand for a parameter, or -1: the path is another. */
static int match(const struct route *route, struct str path, struct str params[PARAMS_MAX])
{
    struct str pattern = str_of(route->path), want, got;
    int n = 0;

    while (next_segment(&pattern, &want)) {
        if (!next_segment(&path, &got) || got.n == 0)
            return -1;
        if (want.p[0] == '{') {
            assert(n < PARAMS_MAX);
            params[n++] = got;
        } else if (!str_eq(want, got)) {
            return -1;
        }
    }
    return path.n == 0 ? n : -1;
}

static bool method_fits(const struct route *route, struct str method)
{
    return str_eq_text(method, route->method) ||
           (str_eq_text(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

/* The fewest parameters that fit: /events/batch is no event's id. */
static int fewest_params(struct str path)
{
    struct str params[PARAMS_MAX];
    int fewest = -1;
    for (size_t i = 0; i < route_count; i++) {
        int n = match(&routes[i], path, params);
        if (n >= 0 && (fewest < 0 || n < fewest))
            fewest = n;
    }
    return fewest;
}

/* Sets call->route, or tells which methods the path has. */
static bool find_route(struct call *call, struct str method, struct buf *allow)
{
    int fewest = fewest_params(call->path);

    for (size_t i = 0; fewest >= 0 && i < route_count; i++) {
        if (match(&routes[i], call->path, call->params) != fewest)
            continue;
        if (method_fits(&routes[i], method)) {
            call->route = &routes[i];
            return true;
        }
        buf_printf(allow, "%s%s", allow->n > 0 ? ", " : "", routes[i].method);
    }
    return false;
}

static void reply_no_route(struct call *call, struct buf *allow)
{
    if (allow->n == 0) {
        reply_error(call, ERR_NOT_FOUND, "no such path");
        return;
    }
    reply_header(call, "Allow", str_dup(call_allocator(call), buf_str(allow)));
    reply_error(call, ERR_METHOD, NULL);
}

static void split_target(struct call *call)
{
    h2o_req_t *req = call->req;
    struct str prefix = STR_LIT("/v1/");

    call->path = (struct str){req->path_normalized.base, req->path_normalized.len};
    if (str_starts(call->path, prefix)) {
        call->path.p += prefix.n - 1;
        call->path.n -= prefix.n - 1;
    }
    if (req->query_at != SIZE_MAX)
        call->query =
            (struct str){req->path.base + req->query_at + 1, req->path.len - req->query_at - 1};
}

/* --- CORS (https://fetch.spec.whatwg.org/#http-cors-protocol) --------------------------------- */

static bool origin_listed(struct str list, struct str origin)
{
    struct str piece;
    while (str_next(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (str_eq_text(piece, "*") || str_eq(piece, origin))
            return true;
    }
    return false;
}

/* True if the request was a preflight, and is answered. */
static bool allow_origin(struct call *call, struct str method, struct buf *allow)
{
    struct str origin = call_header(call, "origin");
    struct str list = str_of(call->server->settings->config.cors_origins);

    if (origin.p == NULL || !origin_listed(list, origin))
        return false;
    reply_header(call, "Access-Control-Allow-Origin", str_dup(call_allocator(call), origin));
    reply_header(call, "Vary", "Origin");
    reply_header(call, "Access-Control-Expose-Headers",
                 "X-Request-Id, Idempotent-Replayed, Location, Retry-After");
    if (!str_eq_text(method, "OPTIONS") || allow->n == 0)
        return false;
    reply_header(call, "Access-Control-Allow-Methods",
                 str_dup(call_allocator(call), buf_str(allow)));
    reply_header(call, "Access-Control-Allow-Headers",
                 "Authorization, Content-Type, Idempotency-Key, X-App-Id");
    reply_header(call, "Access-Control-Max-Age", "600");
    reply_empty(call, 204);
    return true;
}

static void dispatch(struct call *call)
{
    h2o_req_t *req = call->req;
    struct str method = {req->method.base, req->method.len};
    struct buf allow;

    buf_init(&allow, 200);
    split_target(call);
    bool found = find_route(call, method, &allow);
    if (allow_origin(call, method, &allow))
        ;
    else if (req->path.len > TARGET_MAX)
        reply_error(call, ERR_URI_TOO_LONG, NULL);
    else if (!found)
        reply_no_route(call, &allow);
    else if (req->entity.len > BODY_MAX)
        reply_error(call, ERR_TOO_LARGE, "at most 1 MiB");
    else if (call->route->scope != SCOPE_OPEN)
        auth_start(call);
    else if (query_read(call))
        call->route->handler(call);
    buf_fini(&allow);
}

struct handler {
    h2o_handler_t super;
    struct server *server;
};

static int on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    dispatch(call_create(((struct handler *)handler)->server, req));
    return 0;
}

void route_install(h2o_pathconf_t *path, struct server *server)
{
    struct handler *handler = (struct handler *)h2o_create_handler(path, sizeof *handler);
    handler->super.on_req = on_request;
    handler->server = server;
}
