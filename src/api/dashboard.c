/* The page at /dashboard: files out of the program itself. What they show they ask the API for, with the key of whoever
 * signed in there; they are open, for they say nothing. */
#include "dashboard.h"

#include "reply.h"
#include "resources.h"

#include <string.h>

/* In nobody's frame. */
#define POLICY DASHBOARD_POLICY "; img-src 'self'; frame-ancestors 'none'"

static const struct dashboard_file *find(struct str name)
{
    for (const struct dashboard_file *f = dashboard_files; f->name != NULL; f++)
        if (str_eq_text(name, f->name))
            return f;
    return NULL;
}

void dashboard_send(struct call *call, struct str name, const char *policy)
{
    const struct dashboard_file *file = find(name);

    if (file == NULL) {
        reply_error(call, ERR_NOT_FOUND,
                    dashboard_files[0].name == NULL
                        ? "This Posthorn was built without the dashboard: meson's option page"
                        : "The dashboard has no file of this name");
        return;
    }
    call_add_header(call, "Content-Security-Policy", policy);
    call_add_header(call, "X-Content-Type-Options", "nosniff");
    call_add_header(call, "Referrer-Policy", "no-referrer");
    call_add_header(call, "Cache-Control", "no-cache");
    call_add_header(call, "ETag", file->etag);
    if (str_eq_text(call_header(call, "if-none-match"), file->etag))
        reply_empty(call, 304);
    else
        reply_file(call, file->type, (struct str){(const char *)file->bytes, file->size});
}

void handle_dashboard(struct call *call)
{
    dashboard_send(call, STR_LIT(""), POLICY);
}

void handle_dashboard_file(struct call *call)
{
    dashboard_send(call, call->params[0], POLICY);
}
