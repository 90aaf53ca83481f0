/* The pages at /dashboard and /docs: files out of the program itself. What they show they ask the API for, with the key of
 * whoever signed in there; they are open, for they say nothing. */
#include "dashboard.h"

#include "reply.h"
#include "resources.h"

#include <string.h>

/* In nobody's frame. */
#define ALONE "; frame-ancestors 'none'"

static const char strict[] = PAGE_POLICY("") "; img-src 'self'" ALONE;

/* Who renders the contract writes styles into what it renders, and has its icons in the text. */
static const char of_docs[] = PAGE_POLICY(" 'unsafe-inline'") "; img-src 'self' data:" ALONE;

static const struct dashboard_file *find(const struct dashboard_file *files, struct str name)
{
    for (const struct dashboard_file *f = files; f->name != NULL; f++)
        if (str_eq_text(name, f->name))
            return f;
    return NULL;
}

static bool takes_gzip(struct call *call)
{
    struct str rest = call_header(call, "accept-encoding"), coding;

    while (str_next(&rest, ',', &coding))
        if (str_eq_text(str_trim(coding), "gzip"))
            return true;
    return false;
}

static void send_file(struct call *call, const struct dashboard_file *file, const char *policy)
{
    bool packed = takes_gzip(call);
    const char *etag = packed ? file->packed_etag : file->etag;

    call_add_header(call, "Content-Security-Policy", policy);
    call_add_header(call, "X-Content-Type-Options", "nosniff");
    call_add_header(call, "Referrer-Policy", "no-referrer");
    call_add_header(call, "Cache-Control", "no-cache");
    call_add_header(call, "Vary", "Accept-Encoding");
    call_add_header(call, "ETag", etag);
    if (str_eq_text(call_header(call, "if-none-match"), etag)) {
        reply_empty(call, 304);
        return;
    }
    if (packed)
        call_add_header(call, "Content-Encoding", "gzip");
    reply_file(call, file->type,
               packed ? (struct str){(const char *)file->packed, file->packed_size}
                      : (struct str){(const char *)file->bytes, file->size});
}

static void answer(struct call *call, const struct dashboard_file *files, struct str name,
                   const char *policy)
{
    const struct dashboard_file *file = find(files, name);

    if (file != NULL)
        send_file(call, file, policy);
    else
        reply_error(call, ERR_NOT_FOUND,
                    files[0].name == NULL
                        ? "This Posthorn was built without its pages: meson's option page"
                        : "There is no file of this name");
}

void dashboard_send(struct call *call, struct str name, const char *policy)
{
    answer(call, dashboard_files, name, policy);
}

void handle_dashboard(struct call *call)
{
    answer(call, dashboard_files, STR_LIT(""), strict);
}

void handle_dashboard_file(struct call *call)
{
    answer(call, dashboard_files, call->params[0], strict);
}

void handle_docs(struct call *call)
{
    answer(call, docs_files, STR_LIT(""), of_docs);
}

void handle_docs_file(struct call *call)
{
    answer(call, docs_files, call->params[0], strict);
}
