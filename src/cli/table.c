/* Tables and records. */
#include "table.h"

#include "show.h"
#include "value.h"

#include <stdlib.h>

#define COLUMNS_MAX 12
#define GAP         2
#define NARROW      8 /* no column is cut to less */

/* The cells of a table, row by row, the titles first. */
struct cells {
    struct buf text;
    struct cell {
        size_t start, n, width;
    } * at;
    size_t count, room;
};

static void add_cell(struct cells *cells, struct str raw)
{
    if (cells->count == cells->room) {
        cells->room = cells->room > 0 ? cells->room * 2 : 256;
        cells->at = xrealloc(cells->at, cells->room * sizeof *cells->at);
    }
    struct cell *cell = &cells->at[cells->count++];
    cell->start = cells->text.n;
    show_clean(&cells->text, raw, false);
    cell->n = cells->text.n - cell->start;
    cell->width = show_width((struct str){cells->text.p + cell->start, cell->n});
}

static void add_row(struct cells *cells, struct str row, const struct column *columns, size_t count)
{
    struct buf raw;

    buf_init(&raw, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&raw);
        value_show(&raw, value_get(row, columns[i].member));
        add_cell(cells, buf_str(&raw));
    }
    buf_fini(&raw);
}

static size_t total(const size_t *widths, size_t count)
{
    size_t sum = GAP * (count - 1);
    for (size_t i = 0; i < count; i++)
        sum += widths[i];
    return sum;
}

/* The widest of those that may be cut; `count`: there is none. */
static size_t widest(const struct column *columns, const size_t *widths, size_t count, bool whole)
{
    size_t found = count;

    for (size_t i = 0; i < count; i++)
        if (columns[i].whole == whole && widths[i] > NARROW &&
            (found == count || widths[i] > widths[found]))
            found = i;
    return found;
}

static void fit(const struct column *columns, size_t *widths, size_t count, size_t room)
{
    while (room > 0 && total(widths, count) > room) {
        size_t i = widest(columns, widths, count, false);
        if (i == count)
            i = widest(columns, widths, count, true);
        if (i == count)
            return;
        widths[i]--;
    }
}

static void put_cell(struct buf *out, struct str text, size_t width, size_t room, bool last)
{
    if (width > room) {
        text = show_cut(text, room - 1);
        width = show_width(text) + 1;
        buf_add_str(out, text);
        buf_add_text(out, "…");
    } else {
        buf_add_str(out, text);
    }
    for (size_t n = last ? room : width; n < room + GAP && !last; n++)
        buf_add_char(out, ' ');
}

static void put_rows(const struct cells *cells, const size_t *widths, size_t count)
{
    struct buf line;

    buf_init(&line, SIZE_MAX);
    for (size_t i = 0; i < cells->count; i++) {
        const struct cell *cell = &cells->at[i];
        bool last = i % count == count - 1;
        put_cell(&line, (struct str){cells->text.p + cell->start, cell->n}, cell->width,
                 widths[i % count], last);
        if (!last)
            continue;
        buf_add_char(&line, '\n');
        show_print(buf_str(&line));
        buf_clear(&line);
    }
    buf_fini(&line);
}

void table_print(struct str list, const struct column *columns, size_t count)
{
    struct cells cells = {0};
    size_t widths[COLUMNS_MAX] = {0};
    struct json_iter it;
    struct str key, row;

    assert(count > 0 && count <= COLUMNS_MAX);
    buf_init(&cells.text, SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        add_cell(&cells, str_of(columns[i].title));
    json_iter_init(&it, list);
    while (json_iter_next(&it, &key, &row))
        add_row(&cells, row, columns, count);
    for (size_t i = 0; i < cells.count; i++)
        if (cells.at[i].width > widths[i % count])
            widths[i % count] = cells.at[i].width;
    fit(columns, widths, count, show_columns());
    put_rows(&cells, widths, count);
    free(cells.at);
    buf_fini(&cells.text);
}

static size_t longest_key(struct str object)
{
    struct json_iter it;
    struct str key, value;
    size_t longest = 0;

    json_iter_init(&it, object);
    while (json_iter_next(&it, &key, &value))
        if (key.n - 2 > longest)
            longest = key.n - 2;
    return longest < 30 ? longest : 30;
}

void record_print(struct str object)
{
    struct json_iter it;
    struct str key, value;
    struct buf raw, out;
    size_t width = longest_key(object) + GAP;

    buf_init(&raw, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    json_iter_init(&it, object);
    while (json_iter_next(&it, &key, &value)) {
        size_t start = out.n;
        show_clean(&out, (struct str){key.p + 1, key.n - 2}, false);
        while (out.n - start < width)
            buf_add_char(&out, ' ');
        buf_clear(&raw);
        value_show(&raw, value);
        show_clean(&out, buf_str(&raw), false);
        buf_add_char(&out, '\n');
    }
    show_print(buf_str(&out));
    buf_fini(&raw);
    buf_fini(&out);
}
