/* Uids become ids, by a statement each. */
#include "names.h"

#include "core/uid.h"
#include "result.h"
#include "shares.h"
#include "store/apps.h"
#include "store/webhooks.h"

/* In paths by their beginning, and in queries; no route has both. */
static const struct {
    const char *path;
    int param;
    enum named kind;
} in_paths[] = {
    {"/webhooks/{id}", 0, NAMED_WEBHOOK},
    {"/apps/{id}", 0, NAMED_APP},
    {"/admin/apps/{app}/webhooks/{id}", 1, NAMED_WEBHOOK},
};
static const char in_query[] = "webhook_id";

/* In the call's pool. */
struct name {
    struct call *call;
    enum named kind;
    struct str *text;
    names_done *done;
};

static void on_found(void *arg, int err, const struct db_rows *rows)
{
    static const char *const prefixes[] = {[NAMED_APP] = ID_APP, [NAMED_WEBHOOK] = ID_WEBHOOK};
    const struct name *name = arg;
    char *text = call_alloc(name->call, ID_TEXT_SIZE);

    if (!result_ok(name->call, err))
        return;
    struct id id = db_count(rows) > 0 ? db_id(rows, 0, 0) : NOBODY;
    *name->text = str_of(id_text(text, prefixes[name->kind], id));
    name->done(name->call);
}

bool names_resolve_text(struct call *call, enum named kind, struct str *text, names_done *done)
{
    struct db *db = call->api->db;

    if (!uid_is_possible(*text))
        return true;
    struct name *name = call_alloc(call, sizeof *name);
    *name = (struct name){call, kind, text, done};
    call->op = kind == NAMED_APP ? apps_find(db, *text, on_found, name)
                                 : webhooks_find(db, call->app, *text, on_found, name);
    return false;
}

bool names_resolve(struct call *call, names_done *done)
{
    const struct route *route = call->route;

    for (size_t i = 0; i < ARRAY_LEN(in_paths) && route->scope != SCOPE_OPEN; i++)
        if (strncmp(route->path, in_paths[i].path, strlen(in_paths[i].path)) == 0)
            return names_resolve_text(call, in_paths[i].kind, &call->params[in_paths[i].param],
                                      done);
    for (int i = 0; route->query[i] != NULL; i++)
        if (strcmp(route->query[i], in_query) == 0)
            return names_resolve_text(call, NAMED_WEBHOOK, &call->values[i], done);
    return true;
}
