/* Parameters of statements in PostgreSQL's binary format, one after the other in a growing block, each
 * after its length: what the protocol's Bind message has too. The array layout is that of
 * array_recv() in PostgreSQL: dimensions, flags, element type, then length and lower bound, then
 * each element after its length. */
#include "io/db_internal.h"

#define ARGS_BYTES_MAX ((size_t)64 << 20)

static void add_i32(struct buf *b, int32_t value)
{
    uint32_t big = __builtin_bswap32((uint32_t)value);
    buf_add(b, &big, sizeof big);
}

static void add_value(struct buf *b, const void *bytes, size_t n)
{
    uint32_t big = __builtin_bswap32((uint32_t)n);
    char *room = buf_room(b, sizeof big + n);

    assert(room != NULL);
    memcpy(room, &big, sizeof big);
    memcpy(room + sizeof big, bytes, n);
    buf_added(b, sizeof big + n);
}

static void add_i64(struct buf *b, int64_t value)
{
    uint64_t big = __builtin_bswap64((uint64_t)value);
    add_value(b, &big, sizeof big);
}

static void add_str(struct buf *b, struct str s)
{
    if (s.p == NULL)
        add_i32(b, -1);
    else
        add_value(b, s.p, s.n);
}

void db_args_init(struct db_args *args)
{
    *args = (struct db_args){.count = 0};
    buf_init(&args->bytes, ARGS_BYTES_MAX);
}

void db_args_fini(struct db_args *args)
{
    buf_fini(&args->bytes);
}

int db_args_split(const struct db_args *args, const char **values, int *lengths)
{
    const char *p = args->bytes.p;
    for (int i = 0; i < args->count; i++) {
        uint32_t big;
        memcpy(&big, p, sizeof big);
        p += sizeof big;
        lengths[i] = (int)__builtin_bswap32(big);
        values[i] = lengths[i] < 0 ? NULL : p;
        p += lengths[i] < 0 ? 0 : lengths[i];
    }
    return args->count;
}

void db_array_begin(struct db_args *args, enum db_type type, size_t count)
{
    struct buf *b = &args->bytes;

    assert(args->array == 0);
    add_i32(b, 0); /* the length, known at the end */
    args->array = b->n;
    add_i32(b, count > 0 ? 1 : 0); /* an empty array has no dimension */
    add_i32(b, 1);                 /* NULLs may come */
    add_i32(b, (int32_t)type);
    if (count > 0) {
        add_i32(b, (int32_t)count);
        add_i32(b, 1);
    }
}

void db_array_end(struct db_args *args)
{
    struct buf *b = &args->bytes;
    uint32_t big = __builtin_bswap32((uint32_t)(b->n - args->array));

    assert(!b->overflow);
    memcpy(b->p + args->array - sizeof big, &big, sizeof big);
    args->array = 0;
    args->count++;
}

static struct db_value element(const struct db_value *v, size_t i)
{
    switch (v->kind) {
    case DB_KIND_I32S:
        return DB_I64(v->i32s[i]);
    case DB_KIND_IDS:
        return DB_ID(v->ids[i]);
    case DB_KIND_TEXTS:
        return DB_TEXT(v->texts[i]);
    default:
        return DB_STR(v->strs[i]);
    }
}

static void add_array(struct db_args *args, enum db_type type, const struct db_value *v)
{
    db_array_begin(args, type, v->count);
    for (size_t i = 0; i < v->count; i++)
        db_arg(args, element(v, i));
    db_array_end(args);
}

void db_arg(struct db_args *args, struct db_value v)
{
    struct buf *b = &args->bytes;

    switch (v.kind) {
    case DB_KIND_NULL:
        add_i32(b, -1);
        break;
    case DB_KIND_BOOL:
        add_value(b, v.boolean ? "\1" : "\0", 1);
        break;
    case DB_KIND_I64:
        add_i64(b, v.i64);
        break;
    case DB_KIND_ID:
        add_value(b, v.id.b, sizeof v.id.b);
        break;
    case DB_KIND_STR:
        add_str(b, v.str);
        break;
    case DB_KIND_I32S:
        add_array(args, DB_TYPE_I64, &v);
        return;
    case DB_KIND_IDS:
        add_array(args, DB_TYPE_ID, &v);
        return;
    case DB_KIND_STRS:
    case DB_KIND_TEXTS:
        add_array(args, DB_TYPE_TEXT, &v);
        return;
    }
    assert(!b->overflow);
    args->count += args->array == 0;
}

struct db_args db_args_of(const struct db_value *values, size_t count)
{
    struct db_args args;

    db_args_init(&args);
    for (size_t i = 0; i < count; i++)
        db_arg(&args, values[i]);
    return args;
}
