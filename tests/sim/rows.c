/* Parameters in PostgreSQL's binary format, and answers as the program reads them. */
#include "ledger.h"

#include "io/db_internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- parameters ------------------------------------------------------------------------------- */

void values_read(struct values *values, const struct db_args *args)
{
    db_args_split(args, values->at, values->length);
}

void values_free(struct db_args *args)
{
    db_args_fini(args);
}

static int64_t read_i64(const char *p)
{
    uint64_t big;
    memcpy(&big, p, sizeof big);
    return (int64_t)__builtin_bswap64(big);
}

int64_t value_i64(const struct values *v, int n)
{
    return v->at[n - 1] != NULL ? read_i64(v->at[n - 1]) : 0;
}

bool value_bool(const struct values *v, int n)
{
    return *v->at[n - 1] != 0;
}

struct id value_id(const struct values *v, int n)
{
    struct id id = {0};
    if (v->at[n - 1] != NULL)
        memcpy(id.b, v->at[n - 1], sizeof id.b);
    return id;
}

static int32_t read_i32(const char *p)
{
    uint32_t big;
    memcpy(&big, p, sizeof big);
    return (int32_t)__builtin_bswap32(big);
}

static struct db_array array_in(const char *p, int length)
{
    struct db_array array = {p, p + length, 0};

    if (length < 20 || read_i32(p) != 1)
        return array;
    array.left = read_i32(p + 12);
    array.p = p + 20;
    return array;
}

struct db_array value_array(const struct values *v, int n)
{
    return array_in(v->at[n - 1], v->length[n - 1]);
}

bool db_array_next(struct db_array *array, struct str *element)
{
    if (array->left == 0)
        return false;
    array->left--;
    int32_t n = read_i32(array->p);
    array->p += 4;
    *element = n < 0 ? (struct str){NULL, 0} : (struct str){array->p, (size_t)n};
    array->p += n < 0 ? 0 : n;
    return true;
}

int64_t db_element_i64(struct str element)
{
    return element.n == 8 ? read_i64(element.p) : 0;
}

bool next_i64(struct db_array *array, int64_t *out)
{
    struct str element;
    if (!db_array_next(array, &element))
        return false;
    *out = element.n == 1 ? *element.p : db_element_i64(element);
    return true;
}

bool next_id(struct db_array *array, struct id *out)
{
    struct str element;
    if (!db_array_next(array, &element))
        return false;
    *out = (struct id){0};
    if (element.p != NULL)
        memcpy(out->b, element.p, sizeof out->b);
    return true;
}

uint64_t value_deliveries(const struct values *v, int n)
{
    struct db_array array = value_array(v, n);
    uint64_t set = 0;
    struct id id;

    while (next_id(&array, &id)) {
        int d = find_delivery(id);
        if (d >= 0)
            set |= UINT64_C(1) << d;
    }
    return set;
}

/* --- answers ---------------------------------------------------------------------------------- */

struct cell {
    enum { CELL_NULL, CELL_I64, CELL_ID, CELL_STR } kind;
    union {
        int64_t i64;
        struct id id;
        struct str str;
    };
};

struct db_rows {
    int columns, used, room;
    struct cell *cells;
};

struct db_rows *rows_create(int columns)
{
    struct db_rows *rows = xcalloc(1, sizeof *rows);
    rows->columns = columns;
    return rows;
}

void rows_destroy(struct db_rows *rows)
{
    if (rows == NULL)
        return;
    free(rows->cells);
    free(rows);
}

static struct cell *put(struct db_rows *rows)
{
    if (rows->used == rows->room) {
        rows->room = rows->room > 0 ? 2 * rows->room : 2 * rows->columns;
        rows->cells = xrealloc(rows->cells, (size_t)rows->room * sizeof *rows->cells);
    }
    return &rows->cells[rows->used++];
}

void put_null(struct db_rows *rows)
{
    put(rows)->kind = CELL_NULL;
}

void put_nulls(struct db_rows *rows, int count)
{
    while (count-- > 0)
        put_null(rows);
}

void put_i64(struct db_rows *rows, int64_t value)
{
    *put(rows) = (struct cell){.kind = CELL_I64, .i64 = value};
}

void put_bool(struct db_rows *rows, bool value)
{
    put_i64(rows, value);
}

void put_id(struct db_rows *rows, struct id value)
{
    *put(rows) = (struct cell){.kind = CELL_ID, .id = value};
}

void put_str(struct db_rows *rows, struct str value)
{
    *put(rows) = (struct cell){.kind = CELL_STR, .str = value};
}

void put_ms(struct db_rows *rows, int64_t us)
{
    if (us == 0)
        put_null(rows);
    else
        put_i64(rows, EPOCH_MS + round_ms(us));
}

static void write_cell(const struct cell *c, FILE *to)
{
    const char *bytes = c->kind == CELL_ID ? (const char *)c->id.b : c->str.p;
    size_t n = c->kind == CELL_ID ? sizeof c->id.b : c->str.n;

    if (c->kind == CELL_NULL || c->kind == CELL_I64) {
        fprintf(to, c->kind == CELL_NULL ? " n" : " i%" PRId64, c->i64);
        return;
    }
    fputs(c->kind == CELL_ID ? " u" : " s", to);
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%02x", (uint8_t)bytes[i]);
}

void rows_write(const struct db_rows *rows, FILE *to)
{
    for (int i = 0; i < rows->used; i++) {
        if (i % rows->columns == 0)
            fputs("row", to);
        write_cell(&rows->cells[i], to);
        if ((i + 1) % rows->columns == 0)
            putc('\n', to);
    }
    fputs("answered\n", to);
}

static const struct cell *cell(const struct db_rows *rows, int row, int column)
{
    assert(column < rows->columns && row * rows->columns + column < rows->used);
    return &rows->cells[row * rows->columns + column];
}

int db_count(const struct db_rows *rows)
{
    assert(rows->used % rows->columns == 0);
    return rows->used / rows->columns;
}

bool db_null(const struct db_rows *rows, int row, int column)
{
    return cell(rows, row, column)->kind == CELL_NULL;
}

int64_t db_i64(const struct db_rows *rows, int row, int column)
{
    const struct cell *c = cell(rows, row, column);
    assert(c->kind == CELL_NULL || c->kind == CELL_I64);
    return c->kind == CELL_NULL ? 0 : c->i64;
}

bool db_bool(const struct db_rows *rows, int row, int column)
{
    return db_i64(rows, row, column) != 0;
}

struct id db_id(const struct db_rows *rows, int row, int column)
{
    const struct cell *c = cell(rows, row, column);
    assert(c->kind == CELL_NULL || c->kind == CELL_ID);
    return c->kind == CELL_NULL ? (struct id){0} : c->id;
}

struct str db_str(const struct db_rows *rows, int row, int column)
{
    const struct cell *c = cell(rows, row, column);
    assert(c->kind == CELL_NULL || c->kind == CELL_STR);
    return c->kind == CELL_NULL ? (struct str){NULL, 0} : c->str;
}

struct db_array db_array(const struct db_rows *rows, int row, int column)
{
    struct str s = db_str(rows, row, column);
    return array_in(s.p, (int)s.n);
}
