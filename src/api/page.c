/* Pages of lists. */
#include "page.h"

#include "absence.h"
#include "base/metrics.h"
#include "input.h"
#include "reply.h"

#define LIMIT      50
#define LIMIT_MAX  250
#define LISTS_MAX  INT32_MAX /* of all apps: each has a connection, and those are bounded */

#define PAGE_BYTES ((size_t)4 << 20) /* then it ends, with the row that went beyond */

/* A cursor that was not given leaves the page's bounds as they are. */
static void read_cursor(struct call *call, struct page *page, page_check *check)
{
    struct str cursor = input_value(call, "cursor");
    bool fine = cursor.p == NULL;

    if (!fine && check == NULL)
        fine = id_parse(cursor, page->prefix, &page->before);
    else if (!fine && (fine = check(cursor) == NULL))
        page->after = cursor;
    if (!fine)
        fields_problem(&call->fields, "cursor",
                       "must be the next_cursor of another page of this list");
}

bool page_has_room(struct call *call)
{
    int64_t max = call->api->settings->config.lists_per_app;
    int64_t own = shares_of(&call->api->held[HOLD_LIST], call->app);

    if (own < max && call_hold(call, HOLD_LIST, call->app, 1, LISTS_MAX)) {
        absence_watch(call->api->absence);
        return true;
    }
    metric_add(METRIC_LISTS_PER_APP_MET, 1);
    reply_errorf(call, ERR_LIMITED,
                 "%lld lists of this app are being looked for already, which is "
                 "POSTHORN_LISTS_PER_APP",
                 (long long)own);
    return false;
}

static struct page *read_page(struct call *call, struct page page, page_check *check)
{
    struct page *kept = call->state = call_alloc(call, sizeof *kept);
    int64_t limit = LIMIT;

    page.before = id_last();
    page.after = STR_LIT("");
    input_i64(call, "limit", 1, LIMIT_MAX, &limit);
    read_cursor(call, &page, check);
    if (!input_is_fine(call))
        return NULL;
    page.limit = (int)limit;
    *kept = page;
    return page_has_room(call) ? kept : NULL;
}

struct page *page_read(struct call *call, const char *prefix)
{
    return read_page(call, (struct page){.prefix = prefix}, NULL);
}

struct page *page_read_texts(struct call *call, int column, page_check *check)
{
    return read_page(call, (struct page){.cursor = column}, check);
}

struct page *page_read_span(struct call *call, const char *prefix)
{
    int64_t since = 0, until = -1;

    input_time(call, "since", &since);
    input_time(call, "until", &until);
    struct page *page = page_read(call, prefix);
    if (page == NULL)
        return NULL;
    page->from = id_floor(since);
    if (until >= 0 && id_cmp(id_floor(until), page->before) < 0)
        page->before = id_floor(until);
    return page;
}

static bool is_listed(const struct page *page, const struct db_rows *rows, int row)
{
    return page->scan == 0 || db_bool(rows, row, page->scan);
}

static void write_cursor(struct jsonw *w, const struct page *page, const struct db_rows *rows,
                         int row)
{
    if (page->prefix != NULL)
        jsonw_id(w, "next_cursor", page->prefix, db_id(rows, row, page->cursor));
    else
        jsonw_str(w, "next_cursor", db_str(rows, row, page->cursor));
}

void page_reply(struct call *call, const struct db_rows *rows, page_row *write_row)
{
    const struct page *page = call->state;
    int count = db_count(rows), shown = 0, i;
    struct jsonw *w = reply_begin(call);

    jsonw_begin(w, NULL, '{');
    jsonw_begin(w, "data", '[');
    for (i = 0; i < count; i++) {
        if (!is_listed(page, rows, i))
            continue;
        if (shown == page->limit || call->out.n >= PAGE_BYTES)
            break;
        write_row(w, call->api->settings, rows, i);
        shown++;
    }
    jsonw_end(w, ']');
    if (i < count || (i > 0 && page->scan != 0 && db_bool(rows, i - 1, page->scan + 1)))
        write_cursor(w, page, rows, i - 1);
    else
        jsonw_null(w, "next_cursor");
    jsonw_end(w, '}');
    reply_send(call, 200);
}
