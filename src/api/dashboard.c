/* The page at /dashboard: files out of the program itself. What they show they ask the API for, with the key of whoever
 * signed in there; they are open, for they say nothing. */
#include "dashboard.h"

#include "reply.h"
#include "resources.h"

#include <string.h>

/* Nothing from elsewhere, no script or style that is not a file of ours, in nobody's frame. */
#define POLICY                                                                              \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " \
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct dashboard_file *find(struct str name)
{
    for (const struct dashboard_file *f = dashboard_files; f->name != NULL; f++)
        if (str_eq_text(name, f->name))
            return f;
    return NULL;
}

static void send_file(struct call *call, struct str name)
{
    const struct dashboard_file *file = find(name);

    if (file == NULL) {
        reply_error(call, ERR_NOT_FOUND,
                    dashboard_files[0].name == NULL
                        ? "This Posthorn was built without the dashboard: meson's option page"
                        : "The dashboard has no file of this name");
        return;
    }
    call_add_header(call, "Content-Security-Policy", POLICY);
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
    send_file(call, STR_LIT(""));
}

void handle_dashboard_file(struct call *call)
{
    send_file(call, call->params[0]);
}
