/* A parser of lines. */
#include "sse.h"

#define ID_MAX         256
#define NAME_MAX_BYTES 64

void sse_init(struct sse *sse, sse_cb *cb, void *arg)
{
    *sse = (struct sse){.cb = cb, .arg = arg};
    buf_init(&sse->line, SSE_MAX);
    buf_init(&sse->data, SSE_MAX);
    buf_init(&sse->name, NAME_MAX_BYTES);
    buf_init(&sse->id, ID_MAX);
}

void sse_fini(struct sse *sse)
{
    buf_fini(&sse->line);
    buf_fini(&sse->data);
    buf_fini(&sse->name);
    buf_fini(&sse->id);
}

void sse_clear(struct sse *sse)
{
    buf_clear(&sse->line);
    buf_clear(&sse->data);
    buf_clear(&sse->name);
    sse->heard = false;
}

static void set(struct buf *field, struct str value)
{
    buf_clear(field);
    buf_add_str(field, value);
}

static void take_field(struct sse *sse, struct str name, struct str value)
{
    if (str_eq_text(name, "event")) {
        set(&sse->name, value);
    } else if (str_eq_text(name, "id")) {
        set(&sse->id, value);
    } else if (str_eq_text(name, "data")) {
        if (sse->data.n > 0)
            buf_add_char(&sse->data, '\n');
        buf_add_str(&sse->data, value);
    }
}

static void dispatch(struct sse *sse)
{
    if (sse->data.n > 0)
        sse->cb(sse->arg, sse->name.n > 0 ? buf_str(&sse->name) : STR_LIT("message"),
                buf_str(&sse->id), buf_str(&sse->data));
    buf_clear(&sse->data);
    buf_clear(&sse->name);
}

/* One that begins with a colon is a comment. */
static void take_line(struct sse *sse, struct str line)
{
    const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
    struct str name = line, value = {"", 0};

    if (line.n == 0) {
        dispatch(sse);
        return;
    }
    if (colon != NULL) {
        name.n = (size_t)(colon - line.p);
        value = (struct str){colon + 1, line.n - name.n - 1};
        if (value.n > 0 && value.p[0] == ' ')
            value = (struct str){value.p + 1, value.n - 1};
    }
    take_field(sse, name, value);
}

bool sse_read(struct sse *sse, struct str bytes)
{
    const char *end;

    sse->heard = true;
    while (bytes.n > 0 && (end = memchr(bytes.p, '\n', bytes.n)) != NULL) {
        size_t n = (size_t)(end - bytes.p);
        buf_add(&sse->line, bytes.p, n);
        struct str line = buf_str(&sse->line);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (!sse->line.overflow)
            take_line(sse, line);
        if (sse->line.overflow || sse->data.overflow)
            return false;
        buf_clear(&sse->line);
        bytes = (struct str){end + 1, bytes.n - n - 1};
    }
    buf_add_str(&sse->line, bytes);
    return !sse->line.overflow;
}
