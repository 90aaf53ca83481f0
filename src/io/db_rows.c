/* Reading rows in PostgreSQL's binary format. A column of another width than its accessor expects
 * is a statement that lacks a cast: a bug. */
#include "io/db_internal.h"

static const PGresult *result(const struct db_rows *rows)
{
    return (const PGresult *)rows;
}

static const char *value(const struct db_rows *rows, int row, int column, int width)
{
    assert(PQgetlength(result(rows), row, column) == width);
    return PQgetvalue(result(rows), row, column);
}

static int32_t read_i32(const char *p)
{
    uint32_t big;
    memcpy(&big, p, sizeof big);
    return (int32_t)__builtin_bswap32(big);
}

static int64_t read_i64(const char *p)
{
    uint64_t big;
    memcpy(&big, p, sizeof big);
    return (int64_t)__builtin_bswap64(big);
}

int db_count(const struct db_rows *rows)
{
    return PQntuples(result(rows));
}

bool db_null(const struct db_rows *rows, int row, int column)
{
    return PQgetisnull(result(rows), row, column) != 0;
}

int64_t db_i64(const struct db_rows *rows, int row, int column)
{
    return db_null(rows, row, column) ? 0 : read_i64(value(rows, row, column, 8));
}

bool db_bool(const struct db_rows *rows, int row, int column)
{
    return !db_null(rows, row, column) && *value(rows, row, column, 1) != 0;
}

struct id db_id(const struct db_rows *rows, int row, int column)
{
    struct id id = {0};
    if (!db_null(rows, row, column))
        memcpy(id.b, value(rows, row, column, sizeof id.b), sizeof id.b);
    return id;
}

struct str db_str(const struct db_rows *rows, int row, int column)
{
    if (db_null(rows, row, column))
        return (struct str){NULL, 0};
    return (struct str){PQgetvalue(result(rows), row, column),
                        (size_t)PQgetlength(result(rows), row, column)};
}

struct db_array db_array(const struct db_rows *rows, int row, int column)
{
    struct str s = db_str(rows, row, column);
    struct db_array array = {s.p, s.p + s.n, 0};

    if (s.n < 20 || read_i32(s.p) != 1)
        return array;
    array.left = read_i32(s.p + 12);
    array.p = s.p + 20;
    return array;
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
    assert(array->p <= array->end);
    return true;
}

int64_t db_element_i64(struct str element)
{
    return element.n == sizeof(int64_t) ? read_i64(element.p) : 0;
}
