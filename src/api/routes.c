/* The table of routes, and the way of a call to its handler. */
#include "routes.h"

#include "api/server.h"
#include "auth.h"
#include "core/key.h"
#include "cors.h"
#include "input.h"
#include "names.h"
#include "reply.h"
#include "resources.h"

#include <stdio.h>

#define TARGET_MAX 4096

static const struct route routes[] = {
    {"GET", "/healthz", SCOPE_OPEN, handle_live},
    {"GET", "/readyz", SCOPE_OPEN, handle_ready},
    {"GET", "/openapi.json", SCOPE_OPEN, handle_openapi},
    {"GET", "/dashboard", SCOPE_OPEN, handle_dashboard},
    {"GET", "/dashboard/{file}", SCOPE_OPEN, handle_dashboard_file},
    {"GET", "/docs", SCOPE_OPEN, handle_docs},
    {"GET", "/docs/{file}", SCOPE_OPEN, handle_docs_file},

    {"POST", "/webhooks", SCOPE_WRITE, handle_webhooks_create, .portal = true},
    {"GET",
     "/webhooks",
     SCOPE_READ,
     handle_webhooks_list,
     {"status", "search", "needs_attention", "limit", "cursor"},
     .portal = true},
    {"GET", "/webhooks/{id}", SCOPE_READ, handle_webhooks_get, .portal = true},
    {"PATCH", "/webhooks/{id}", SCOPE_WRITE, handle_webhooks_update, .portal = true},
    {"DELETE", "/webhooks/{id}", SCOPE_WRITE, handle_webhooks_delete, .portal = true},
    {"POST", "/webhooks/{id}/test", SCOPE_WRITE, handle_webhooks_test, .portal = true},
    {"POST", "/webhooks/{id}/secret/rotate", SCOPE_WRITE, handle_webhooks_rotate, .portal = true},
    {"POST", "/webhooks/{id}/replay", SCOPE_WRITE, handle_webhooks_replay, .portal = true},
    {"POST", "/webhooks/{id}/backfill", SCOPE_WRITE, handle_webhooks_backfill, .portal = true},
    {"POST", "/webhooks/{id}/preview", SCOPE_READ, handle_webhooks_preview, .portal = true},
    {"GET", "/webhooks/{id}/stream", SCOPE_WRITE, handle_webhooks_stream},
    {"GET", "/webhooks/{id}/jwks.json", SCOPE_OPEN, handle_webhooks_jwks},
    {"GET",
     "/webhooks/{id}/deliveries",
     SCOPE_READ,
     handle_deliveries_list,
     {"status", "event_id", "event_type", "response_code", "error_code", "since", "until", "limit",
      "cursor"},
     .portal = true},

    {"GET", "/profiles", SCOPE_READ, handle_profiles_list, .portal = true},

    {"POST", "/events", SCOPE_PUBLISH, handle_events_create},
    {"POST", "/events/batch", SCOPE_PUBLISH, handle_events_create_batch},
    {"POST",
     "/events/explain",
     SCOPE_READ,
     handle_events_explain,
     {"limit", "cursor"},
     .portal = true},
    {"POST", "/events/erase", SCOPE_WRITE, handle_events_erase},
    {"GET",
     "/events",
     SCOPE_READ,
     handle_events_list,
     {"type", "since", "until", "limit", "cursor"},
     .portal = true},
    {"GET", "/events/{id}", SCOPE_READ, handle_events_get, .portal = true},
    {"DELETE", "/events/{id}", SCOPE_WRITE, handle_events_delete},

    {"GET",
     "/deliveries",
     SCOPE_READ,
     handle_deliveries_search,
     {"status", "webhook_id", "event_id", "event_type", "response_code", "error_code", "url_host",
      "since", "until", "limit", "cursor"},
     .portal = true},
    {"POST", "/deliveries/retry", SCOPE_WRITE, handle_deliveries_retry_by_filter, .portal = true},
    {"GET", "/deliveries/{id}", SCOPE_READ, handle_deliveries_get, .portal = true},
    {"GET",
     "/deliveries/{id}/attempts",
     SCOPE_READ,
     handle_attempts_list,
     {"limit", "cursor"},
     .portal = true},
    {"POST", "/deliveries/{id}/retry", SCOPE_WRITE, handle_deliveries_retry, .portal = true},
    {"POST", "/deliveries/{id}/cancel", SCOPE_WRITE, handle_deliveries_cancel, .portal = true},
    {"POST", "/deliveries/{id}/answer", SCOPE_WRITE, handle_deliveries_answer},

    {"GET",
     "/jobs",
     SCOPE_READ,
     handle_jobs_list,
     {"kind", "status", "limit", "cursor"},
     .portal = true},
    {"GET", "/jobs/{id}", SCOPE_READ, handle_jobs_get, .portal = true},
    {"DELETE", "/jobs/{id}", SCOPE_WRITE, handle_jobs_cancel},
    {"GET", "/replays/{id}", SCOPE_READ, handle_jobs_get, .portal = true},

    {"POST", "/event-types", SCOPE_WRITE, handle_event_types_create},
    {"GET",
     "/event-types",
     SCOPE_READ,
     handle_event_types_list,
     {"limit", "cursor"},
     .portal = true},
    {"GET", "/event-types/{name}", SCOPE_READ, handle_event_types_get, .portal = true},
    {"PATCH", "/event-types/{name}", SCOPE_WRITE, handle_event_types_update},
    {"DELETE", "/event-types/{name}", SCOPE_WRITE, handle_event_types_delete},

    {"POST", "/apps", SCOPE_ADMIN, handle_apps_create},
    {"GET", "/apps", SCOPE_ADMIN, handle_apps_list, {"limit", "cursor"}},
    {"GET", "/apps/{id}", SCOPE_ADMIN, handle_apps_get},
    {"PATCH", "/apps/{id}", SCOPE_ADMIN, handle_apps_update},
    {"DELETE", "/apps/{id}", SCOPE_ADMIN, handle_apps_delete},

    {"POST", "/apps/{id}/portal", SCOPE_ADMIN, handle_portals_create},
    {"GET", "/portal", SCOPE_READ, handle_portal_get, .portal = true},
    {"GET", "/portal/{id}", SCOPE_OPEN, handle_portal_page},

    {"GET", "/key", SCOPE_READ, handle_key_get},
    {"POST", "/keys", SCOPE_ADMIN, handle_keys_create},
    {"GET", "/keys", SCOPE_ADMIN, handle_keys_list, {"limit", "cursor"}},
    {"GET", "/keys/{id}", SCOPE_ADMIN, handle_keys_get},
    {"PATCH", "/keys/{id}", SCOPE_ADMIN, handle_keys_update},
    {"DELETE", "/keys/{id}", SCOPE_ADMIN, handle_keys_delete},

    {"POST", "/sources", SCOPE_WRITE, handle_sources_create},
    {"GET", "/sources", SCOPE_READ, handle_sources_list, {"limit", "cursor"}},
    {"GET", "/sources/{id}", SCOPE_READ, handle_sources_get},
    {"PATCH", "/sources/{id}", SCOPE_WRITE, handle_sources_update},
    {"DELETE", "/sources/{id}", SCOPE_WRITE, handle_sources_delete},
    {"POST", "/sources/{id}/rotate", SCOPE_WRITE, handle_sources_rotate},
    {"POST", "/ingest/{token}", SCOPE_OPEN, handle_ingest},

    {"GET", "/stream", SCOPE_READ, handle_stream, {"types"}, .portal = true},
    {"GET",
     "/stats",
     SCOPE_READ,
     handle_stats_list,
     {"webhook_id", "since", "until"},
     .portal = true},
    {"GET", "/stats/now", SCOPE_READ, handle_stats_now, .portal = true},
    {"GET",
     "/stats/webhooks",
     SCOPE_READ,
     handle_stats_list_webhooks,
     {"status", "search", "needs_attention", "limit", "cursor"},
     .portal = true},

    {"GET",
     "/issues",
     SCOPE_READ,
     handle_issues_list,
     {"status", "webhook_id", "limit", "cursor"},
     .portal = true},
    {"GET", "/issues/{id}", SCOPE_READ, handle_issues_get, .portal = true},
    {"PATCH", "/issues/{id}", SCOPE_WRITE, handle_issues_update, .portal = true},

    {"GET",
     "/audit",
     SCOPE_WRITE,
     handle_audit_list,
     {"actor", "action", "resource", "since", "until", "limit", "cursor"}},

    {"POST", "/admin/apps/{app}/webhooks", SCOPE_WRITE, handle_authon_create,
     .shape = SHAPE_AUTHON},
    {"GET", "/admin/apps/{app}/webhooks", SCOPE_READ, handle_authon_list, .shape = SHAPE_AUTHON},
    {"DELETE", "/admin/apps/{app}/webhooks/{id}", SCOPE_WRITE, handle_authon_delete,
     .shape = SHAPE_AUTHON},
    {"POST", "/admin/apps/{app}/webhooks/{id}/test", SCOPE_WRITE, handle_authon_test,
     .shape = SHAPE_AUTHON},
};

void routes_print(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        fprintf(out, "%s %s %s%s\n", routes[i].method, routes[i].path,
                routes[i].scope == SCOPE_OPEN ? "open" : key_scope_names[routes[i].scope],
                routes[i].portal ? " portal" : "");
}

/* --- finding one ------------------------------------------------------------------------------ */

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
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        int n = match(&routes[i], path, params);
        if (n >= 0 && (fewest < 0 || n < fewest))
            fewest = n;
    }
    return fewest;
}

/* Sets call->route, or tells which methods the path has. */
static bool find_route(struct call *call, struct buf *allow)
{
    int fewest = fewest_params(call->path);

    for (size_t i = 0; fewest >= 0 && i < ARRAY_LEN(routes); i++) {
        if (match(&routes[i], call->path, call->params) != fewest)
            continue;
        if (method_fits(&routes[i], call->method)) {
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
        reply_error(call, ERR_NOT_FOUND, "No route has this path");
        return;
    }
    call_add_header(call, "Allow", call_copy_text(call, buf_str(allow)));
    reply_errorf(call, ERR_METHOD, "This path takes %s", buf_text(allow));
}

/* --- the way ---------------------------------------------------------------------------------- */

static void handle(struct call *call)
{
    if (call->route->query[0] != NULL || input_is_fine(call))
        call->route->handler(call);
}

/* Who calls is known. */
static void run(struct call *call)
{
    input_query(call);
    if (names_resolve(call, handle))
        handle(call);
}

void routes_dispatch(struct call *call)
{
    struct buf allow;

    buf_init(&allow, 200);
    bool found = find_route(call, &allow);
    if (cors_answer(call, &allow))
        ;
    else if (call->target.n > TARGET_MAX)
        reply_error(call, ERR_URI_TOO_LONG, NULL);
    else if (!found)
        reply_no_route(call, &allow);
    else if (call->body.n > BODY_MAX)
        reply_error(call, ERR_TOO_LARGE, NULL);
    else if (call->route->scope == SCOPE_OPEN || auth_start(call, run))
        run(call);
    buf_fini(&allow);
}
