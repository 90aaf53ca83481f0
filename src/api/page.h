/* A page of a list: at most `limit` rows before a cursor, which is the id of the last row of the page
 * before, or a text that says where that stands, so that pages hold whatever is written meanwhile. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "call.h"

struct page {
    const char *prefix;     /* of the rows' ids; NULL: cursors are texts */
    int cursor;             /* the column that has the id or the text */
    int limit;              /* ask the store for one more: it tells whether there is a next page */
    struct id from, before; /* ids, the first included, the second not: newest first */
    struct str after;       /* a text, excluded; empty: from the first row */
    int scan; /* 0, or the column that says whether a row is one of the list; and the next one, whether
                               the store has looked no further, so that there may be more */
};

/* Whether the app may look for rows once more now; false: that has been replied. A page that is read asks that too. */
bool page_has_room(struct call *call);

/* Reads `limit` and `cursor` into call->state. NULL: one is wrong, or there are problems with the query already, and
 * all that has been replied. */
struct page *page_read(struct call *call, const char *prefix);

/* Likewise, where cursors are texts, in `column`; `check` answers NULL for one that may be. */
typedef const char *page_check(struct str cursor);
struct page *page_read_texts(struct call *call, int column, page_check *check);

/* Besides, `since` and `until`: rows of that time. */
struct page *page_read_span(struct call *call, const char *prefix);

typedef void page_row(struct jsonw *w, const struct settings *settings, const struct db_rows *rows,
                      int row);

/* Replies {"data": [ … ], "next_cursor": …} for call->state. The first column is the id where that is the cursor. A page may end
 * before its limit, and be empty: where it has as many bytes as a page should have, and where the store has looked
 * at as many rows as it does. */
void page_reply(struct call *call, const struct db_rows *rows, page_row *write_row);

#endif
