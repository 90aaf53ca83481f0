/* The header lines of a request: the caller's, exactly, and none that libcurl would add on its own
 * but Host and Content-Length. The list that libcurl wants is built in place, over one copy. */
#include "fetch_internal.h"

#include "base/header.h"

/* "Name:" takes a line of libcurl's away. */
static char no_expect[] = "Expect:";
static char no_accept[] = "Accept:";
static char no_content_type[] = "Content-Type:";

/* These decide where a request ends or who it is for: the caller must not. */
static const char *const reserved[] = {"Host", "Content-Length", "Transfer-Encoding"};

static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_reserved(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_eq_nocase(name, str_of(reserved[i])))
            return true;
    return false;
}

/* Splits a line without its CRLF; false if it is no header line of ours. */
static bool split(struct str line, struct str *name, struct str *value)
{
    const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;

    if (colon == NULL)
        return false;
    *name = (struct str){line.p, (size_t)(colon - line.p)};
    *value = str_trim((struct str){colon + 1, line.n - name->n - 1});
    return header_is_name(*name) && is_value(*value) && !is_reserved(*name);
}

/* Takes a line off `*head`, which ends with CRLF. */
static bool next_line(struct str *head, struct str *line)
{
    const char *end = memmem(head->p, head->n, "\r\n", 2);
    if (end == NULL)
        return false;
    *line = (struct str){head->p, (size_t)(end - head->p)};
    head->p += line->n + 2;
    head->n -= line->n + 2;
    return true;
}

/* A line in libcurl's own spelling: "Name;" stands for a header without a value. */
static char *put_line(struct buf *bytes, struct str line, size_t name_size, bool empty)
{
    char *start = bytes->p + bytes->n;

    buf_add(bytes, line.p, empty ? name_size : line.n);
    if (empty)
        buf_add_char(bytes, ';');
    buf_add_char(bytes, '\0');
    return start;
}

static void link_lines(struct curl_slist *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lines[i].next = i + 1 < count ? &lines[i + 1] : NULL;
}

bool fetch_lines_build(struct fetch *fetch)
{
    struct str head = fetch->request.head, line, name, value;
    struct buf *bytes = &fetch->line_bytes;
    bool accept = false, content_type = false;
    size_t n = 0;

    /* All the room first: the list points into it. A line never grows: its CRLF goes. */
    buf_clear(bytes);
    if (buf_room(bytes, head.n + 1) == NULL)
        return false;
    while (head.n > 0) {
        if (n + 3 >= FETCH_LINES_MAX || !next_line(&head, &line) || !split(line, &name, &value))
            return false;
        accept = accept || str_eq_nocase(name, STR_LIT("Accept"));
        content_type = content_type || str_eq_nocase(name, STR_LIT("Content-Type"));
        fetch->lines[n++].data = put_line(bytes, line, name.n, value.n == 0);
    }
    fetch->lines[n++].data = no_expect;
    if (!accept)
        fetch->lines[n++].data = no_accept;
    if (!content_type)
        fetch->lines[n++].data = no_content_type;
    link_lines(fetch->lines, n);
    return true;
}
