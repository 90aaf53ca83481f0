/* Pages of lists. */
#include "page.h"

#include "core/filter.h"
#include "input.h"
#include "reply.h"

#define LIMIT     50
#define LIMIT_MAX 250

/* A cursor that was not given leaves the page's bounds as they are. */
static bool read_cursor(struct call *call, struct page *page)
{
    struct str cursor = input_value(call, "cursor");
    bool fine = cursor.p == NULL;

    if (!fine && page->prefix != NULL)
        fine = id_parse(cursor, page->prefix, &page->before);
    else if (!fine && (fine = event_type_check(cursor) == NULL))
        page->after = cursor;
    if (!fine)
        reply_invalid(call, "cursor", "must be the next_cursor of another page of this list");
    return fine;
}

struct page *page_read(struct call *call, const char *prefix)
{
    struct page *page = call->state = call_alloc(call, sizeof *page);
    int64_t limit = LIMIT;

    *page = (struct page){.prefix = prefix, .before = id_last(), .after = STR_LIT("")};
    if (!input_i64(call, "limit", 1, LIMIT_MAX, &limit) || !read_cursor(call, page))
        return NULL;
    page->limit = (int)limit;
    return page;
}

struct page *page_read_span(struct call *call, const char *prefix)
{
    int64_t since = 0, until = -1;

    if (!input_time(call, "since", &since) || !input_time(call, "until", &until))
        return NULL;
    struct page *page = page_read(call, prefix);
    if (page == NULL)
        return NULL;
    page->from = id_floor(since);
    if (until >= 0 && id_cmp(id_floor(until), page->before) < 0)
        page->before = id_floor(until);
    return page;
}

void page_reply(struct call *call, const struct db_rows *rows, page_row *write_row)
{
    const struct page *page = call->state;
    int count = db_count(rows), last = count < page->limit ? count : page->limit;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (int i = 0; i < last; i++)
        write_row(w, call->api->settings, rows, i);
    jsonw_end(w, ']');
    if (count <= page->limit)
        jsonw_null(w, "next_cursor");
    else if (page->prefix != NULL)
        jsonw_id(w, "next_cursor", page->prefix, db_id(rows, last - 1, 0));
    else
        jsonw_str(w, "next_cursor", db_str(rows, last - 1, 0));
    jsonw_end(w, '}');
    reply_send(call, 200);
}
