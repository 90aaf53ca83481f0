/* Parameters of statements in PostgreSQL's binary format: one growing block of bytes and the
 * offsets of the values in it. The array layout is that of array_recv() in PostgreSQL: dimensions,
 * flags, element type, then length and lower bound, then each element after its length. */
#include "io/db.h"

#define ARGS_BYTES_MAX ((size_t)64 << 20)

static void add_i32(struct buf *b, int32_t value)
{
    uint32_t big = __builtin_bswap32((uint32_t)value);
    buf_add(b, &big, sizeof big);
}

static void add_i64(struct buf *b, int64_t value)
{
    uint64_t big = __builtin_bswap64((uint64_t)value);
    buf_add(b, &big, sizeof big);
}

void db_args_init(struct db_args *args)
{
    buf_init(&args->bytes, ARGS_BYTES_MAX);
    args->count = 0;
}

void db_args_fini(struct db_args *args)
{
    buf_fini(&args->bytes);
}

/* The value that starts here; finish_value() closes it. */
static void start_value(struct db_args *args)
{
    assert(args->count < DB_PARAMS_MAX);
    args->at[args->count].offset = args->bytes.n;
}

static void finish_value(struct db_args *args)
{
    assert(!args->bytes.overflow);
    args->at[args->count].length = (int)(args->bytes.n - args->at[args->count].offset);
    args->count++;
}

void db_arg_null(struct db_args *args)
{
    start_value(args);
    args->at[args->count++].length = -1;
}

void db_arg_i64(struct db_args *args, int64_t value)
{
    start_value(args);
    add_i64(&args->bytes, value);
    finish_value(args);
}

void db_arg_bool(struct db_args *args, bool value)
{
    start_value(args);
    buf_add_char(&args->bytes, value ? 1 : 0);
    finish_value(args);
}

void db_arg_id(struct db_args *args, struct id value)
{
    start_value(args);
    buf_add(&args->bytes, value.b, sizeof value.b);
    finish_value(args);
}

void db_arg_str(struct db_args *args, struct str value)
{
    if (value.p == NULL) {
        db_arg_null(args);
        return;
    }
    start_value(args);
    buf_add_str(&args->bytes, value);
    finish_value(args);
}

void db_array_begin(struct db_args *args, enum db_type type, int count)
{
    start_value(args);
    add_i32(&args->bytes, count > 0 ? 1 : 0); /* an empty array has no dimension */
    add_i32(&args->bytes, 1);                 /* NULLs may come */
    add_i32(&args->bytes, (int32_t)type);
    if (count > 0) {
        add_i32(&args->bytes, count);
        add_i32(&args->bytes, 1);
    }
}

void db_array_null(struct db_args *args)
{
    add_i32(&args->bytes, -1);
}

void db_array_i64(struct db_args *args, int64_t value)
{
    add_i32(&args->bytes, sizeof value);
    add_i64(&args->bytes, value);
}

void db_array_bool(struct db_args *args, bool value)
{
    add_i32(&args->bytes, 1);
    buf_add_char(&args->bytes, value ? 1 : 0);
}

void db_array_id(struct db_args *args, struct id value)
{
    add_i32(&args->bytes, sizeof value.b);
    buf_add(&args->bytes, value.b, sizeof value.b);
}

void db_array_str(struct db_args *args, struct str value)
{
    if (value.p == NULL) {
        db_array_null(args);
        return;
    }
    add_i32(&args->bytes, (int32_t)value.n);
    buf_add_str(&args->bytes, value);
}

void db_array_end(struct db_args *args)
{
    finish_value(args);
}
