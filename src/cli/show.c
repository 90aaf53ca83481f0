/* Text for a terminal, and for files. */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define ERROR_MAX ((size_t)1 << 16)

/* The character that `text` begins with, and its bytes; what is no UTF-8 is a byte of U+FFFD. */
static uint32_t next(struct str text, size_t *bytes)
{
    static const struct {
        unsigned char mask, mark;
    } kinds[] = {{0x80, 0}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};
    const unsigned char *p = (const unsigned char *)text.p;

    for (size_t n = 0; n < ARRAY_LEN(kinds); n++) {
        if ((p[0] & kinds[n].mask) != kinds[n].mark)
            continue;
        *bytes = n + 1;
        if (text.n < *bytes || !str_is_utf8((struct str){text.p, *bytes}))
            break;
        uint32_t c = p[0] & (unsigned char)~kinds[n].mask;
        for (size_t i = 1; i < *bytes; i++)
            c = c << 6 | (p[i] & 0x3fU);
        return c;
    }
    *bytes = 1;
    return 0xfffd;
}

/* C0, DEL, C1, the line and paragraph separators, and what turns the direction of writing. */
static bool is_obeyed(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void show_clean(struct buf *out, struct str text, bool lines)
{
    size_t n;

    for (; text.n > 0; text.p += n, text.n -= n) {
        uint32_t c = next(text, &n);
        if (c == 0xfffd && n == 1)
            buf_add_char(out, '?');
        else if (is_obeyed(c) && !(lines && c == '\n'))
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_add(out, text.p, n);
    }
}

static size_t width_of(uint32_t c)
{
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 1 : (size_t)width;
}

struct str show_cut(struct str text, size_t width)
{
    size_t used = 0, n;

    for (size_t at = 0; at < text.n; at += n) {
        used += width_of(next((struct str){text.p + at, text.n - at}, &n));
        if (used > width)
            return (struct str){text.p, at};
    }
    return text;
}

size_t show_width(struct str text)
{
    size_t width = 0, n;

    for (; text.n > 0; text.p += n, text.n -= n)
        width += width_of(next(text, &n));
    return width;
}

void show_print(struct str text)
{
    if (text.n > 0)
        fwrite(text.p, 1, text.n, stdout);
}

/* It is valid JSON: such a character stands in a string, where its escape means the same. Line feeds may stand between. */
void show_json(struct str json)
{
    struct buf out;

    buf_init(&out, SIZE_MAX);
    show_clean(&out, json, true);
    show_print(buf_str(&out));
    putchar('\n');
    buf_fini(&out);
}

static void say(const char *before, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void say(const char *before, const char *format, va_list args)
{
    struct buf raw, clean;

    buf_init(&raw, ERROR_MAX);
    buf_init(&clean, ERROR_MAX * 6);
    buf_vprintf(&raw, format, args);
    show_clean(&clean, buf_str(&raw), true);
    fflush(stdout);
    fprintf(stderr, "%s%s\n", before, buf_text(&clean));
    buf_fini(&raw);
    buf_fini(&clean);
}

void show_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("posthorn: ", format, args);
    va_end(args);
}

void show_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("", format, args);
    va_end(args);
}

size_t show_columns(void)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    int64_t n;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return columns != NULL && str_to_i64(str_of(columns), 20, 1000, &n) ? (size_t)n : 80;
}
