/* What is stored begins with a byte that no head begins with, and in two the head's length, which statements add up
 * (head_bytes() in migrations/). A byte below 0x80 is itself;
 * one above stands for a phrase or for something known, or says how to read what follows. Heads are text, so that those
 * bytes are rare in them: they come behind LITERAL.
 *
 * Phrases and the rest are looked for where words begin, which is where they stand. */
#include "core/shorthand.h"

#include "base/clock.h"
#include "base/crypto.h"

#include <inttypes.h>
#include <stdio.h>

#define MARK         0x01
#define MARK_BYTES   3
#define MAX_COUNTED  0xffff
#define DIGITS_MIN   24  /* fewer are not worth it */
#define DIGITS_BYTES 255 /* at once */

enum code {
    LITERAL = 0x80, /* a byte */
    SECONDS,        /* when it was started */
    DATE,           /* a signed byte: seconds from then, as an HTTP date */
    HEX,            /* a number of bytes, bytes */
    BASE64,         /* likewise */
    KNOWN_ID,       /* up to NAME_ID less one: which of known_ids */
    PHRASE = 0x90,  /* and above: which of phrases */
};

static const struct {
    const char *prefix;
    size_t at;
} known_ids[] = {
    {ID_DELIVERY, offsetof(struct known, delivery)},
    {ID_EVENT, offsetof(struct known, event)},
    {ID_TEST_EVENT, offsetof(struct known, event)},
    {ID_WEBHOOK, offsetof(struct known, webhook)},
};

/* What is stored has their numbers: new ones come last. Of two that begin alike the longer stands first. */
static const char *const phrases[] = {
    "Content-Type: application/json\r\nUser-Agent: Posthorn-Webhooks/",
    "Content-Type: application/json; charset=utf-8\r\n",
    "Content-Type: application/json\r\n",
    "Content-Type: text/html; charset=UTF-8\r\n",
    "Content-Type: text/html; charset=utf-8\r\n",
    "Content-Type: text/html\r\n",
    "Content-Type: text/plain; charset=utf-8\r\n",
    "Content-Type: text/plain\r\n",
    "Content-Type: ",
    "Content-Length: 0\r\n",
    "Content-Length: ",
    "Content-Encoding: ",
    "Content-Security-Policy: ",
    "User-Agent: ",
    "X-Webhook-Id: ",
    "X-Webhook-Event: ",
    "X-Webhook-Delivery: ",
    "X-Webhook-Attempt: 1\r\n",
    "X-Webhook-Attempt: ",
    "X-Webhook-Signature: sha256=",
    "X-Webhook-Secret: ***\r\n",
    "X-Webhook-Secret: ",
    "webhook-id: ",
    "webhook-timestamp: ",
    "webhook-signature: v1,",
    "webhook-signature: ",
    "x-webhook-secret: ",
    "X-Remnawave-Signature: ",
    "X-Remnawave-Timestamp: ",
    "Accept: application/json, text/plain, */*\r\n",
    "Accept: */*\r\n",
    "Authorization: ***\r\n",
    "***\r\n",
    "sha256=",
    "v1,",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 201 Created\r\n",
    "HTTP/1.1 202 Accepted\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 ",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.0 ",
    "Date: ",
    "Server: nginx\r\n",
    "Server: cloudflare\r\n",
    "Server: Apache\r\n",
    "Server: ",
    "Connection: keep-alive\r\n",
    "Connection: close\r\n",
    "Connection: ",
    "Keep-Alive: timeout=5\r\n",
    "Keep-Alive: timeout=",
    "Transfer-Encoding: chunked\r\n",
    "X-Powered-By: Express\r\n",
    "X-Powered-By: ",
    "ETag: W/\"",
    "ETag: ",
    "Vary: Accept-Encoding\r\n",
    "Vary: ",
    "Cache-Control: no-cache, private\r\n",
    "Cache-Control: ",
    "Strict-Transport-Security: max-age=",
    "X-Content-Type-Options: nosniff\r\n",
    "X-Frame-Options: SAMEORIGIN\r\n",
    "X-Frame-Options: ",
    "X-XSS-Protection: ",
    "X-Request-Id: ",
    "Referrer-Policy: ",
    "Access-Control-Allow-Origin: *\r\n",
    "Access-Control-Allow-",
    "Set-Cookie: ",
    "Location: ",
    "Last-Modified: ",
    "Via: ",
    "CF-RAY: ",
    "cf-cache-status: DYNAMIC\r\n",
    "; path=/; ",
    "application/json",
    "charset=utf-8\r\n",
};

_Static_assert(ARRAY_LEN(phrases) <= 0x100 - PHRASE, "a phrase is one byte");

static const char *text_of_id(char out[ID_TEXT_SIZE], const struct known *known, size_t which)
{
    struct id id;
    memcpy(&id, (const char *)known + known_ids[which].at, sizeof id);
    return id_text(out, known_ids[which].prefix, id);
}

static const char *text_of_seconds(char out[ID_TEXT_SIZE], const struct known *known)
{
    snprintf(out, ID_TEXT_SIZE, "%" PRId64, known->started_ms / 1000);
    return out;
}

/* --- writing ---------------------------------------------------------------------------------- */

struct writer {
    struct buf *out;
    struct str rest;
    char ids[ARRAY_LEN(known_ids)][ID_TEXT_SIZE], seconds[ID_TEXT_SIZE];
    int64_t started_s;
};

static void skip(struct writer *w, size_t n)
{
    w->rest.p += n;
    w->rest.n -= n;
}

static void put(struct writer *w, size_t code)
{
    buf_add_char(w->out, (char)code);
}

static bool take(struct writer *w, const char *text, size_t code)
{
    struct str s = str_of(text);

    if (!str_starts(w->rest, s))
        return false;
    put(w, code);
    skip(w, s.n);
    return true;
}

static bool take_known(struct writer *w)
{
    for (size_t i = 0; i < ARRAY_LEN(known_ids); i++)
        if (take(w, w->ids[i], KNOWN_ID + i))
            return true;
    return take(w, w->seconds, SECONDS);
}

static bool take_phrase(struct writer *w)
{
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
        if (phrases[i][0] == w->rest.p[0] && take(w, phrases[i], PHRASE + i))
            return true;
    return false;
}

static bool take_date(struct writer *w)
{
    struct str date = {w->rest.p, CLOCK_HTTP_BYTES};
    int64_t ms;

    if (w->rest.n < date.n || date.p[3] != ',' || !clock_parse_http(date, &ms))
        return false;
    char text[CLOCK_TEXT_SIZE];
    int64_t after = ms / 1000 - w->started_s;
    if (after < INT8_MIN || after > INT8_MAX || !str_eq(str_of(clock_text_http(text, ms)), date))
        return false; /* a wrong day of the week, say */
    put(w, DATE);
    put(w, (uint8_t)(int8_t)after);
    skip(w, date.n);
    return true;
}

static int hex_of(char c)
{
    return c >= 'A' && c <= 'F' ? -1 : str_hex(c);
}

static bool take_hex(struct writer *w)
{
    uint8_t bytes[DIGITS_BYTES];
    size_t n = 0;

    while (n < sizeof bytes && 2 * n + 1 < w->rest.n && hex_of(w->rest.p[2 * n]) >= 0 &&
           hex_of(w->rest.p[2 * n + 1]) >= 0) {
        bytes[n] = (uint8_t)(hex_of(w->rest.p[2 * n]) << 4 | hex_of(w->rest.p[2 * n + 1]));
        n++;
    }
    if (2 * n < DIGITS_MIN)
        return false;
    put(w, HEX);
    put(w, n);
    buf_add(w->out, bytes, n);
    skip(w, 2 * n);
    return true;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* Of the run of digits, with what pads it, as many as make whole bytes. */
static bool take_base64(struct writer *w)
{
    uint8_t bytes[DIGITS_BYTES];
    size_t n = 0;

    while (n < w->rest.n && n < sizeof bytes / 3 * 4 && is_base64(w->rest.p[n]))
        n++;
    for (int pads = 0; pads < 2 && n % 4 > 1 && n < w->rest.n && w->rest.p[n] == '='; pads++)
        n++;
    n -= n % 4;
    if (n < DIGITS_MIN)
        return false;
    ssize_t size = crypto_base64_decode((struct str){w->rest.p, n}, bytes, sizeof bytes);
    if (size < 0)
        return false;
    put(w, BASE64);
    put(w, (size_t)size);
    buf_add(w->out, bytes, (size_t)size);
    skip(w, n);
    return true;
}

static bool begins_word(char before)
{
    return before == '\n' || before == ' ' || before == '=' || before == ',';
}

static void write_all(struct writer *w)
{
    bool word = true;

    while (w->rest.n > 0) {
        if (word &&
            (take_phrase(w) || take_known(w) || take_date(w) || take_hex(w) || take_base64(w)))
            continue;
        char c = w->rest.p[0];
        if ((c & 0x80) != 0)
            put(w, LITERAL);
        buf_add_char(w->out, c);
        word = begins_word(c);
        skip(w, 1);
    }
}

void shorthand_write(struct buf *out, struct str head, const struct known *known)
{
    struct writer w = {.out = out, .rest = head, .started_s = known->started_ms / 1000};
    size_t start = out->n;

    size_t bytes = head.n < MAX_COUNTED ? head.n : MAX_COUNTED;

    if (head.n == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(known_ids); i++)
        text_of_id(w.ids[i], known, i);
    text_of_seconds(w.seconds, known);
    put(&w, MARK);
    put(&w, bytes >> 8);
    put(&w, bytes & 0xff);
    write_all(&w);
    if (out->n - start >= head.n && head.p[0] != MARK) {
        out->n = start;
        buf_add_str(out, head);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

/* So many bytes behind the length of them; or none are left. */
static bool next(struct str *rest, size_t n, struct str *bytes)
{
    if (rest->n < n)
        return false;
    *bytes = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return true;
}

static bool counted(struct str *rest, struct str *bytes)
{
    struct str count;
    return next(rest, 1, &count) && next(rest, (uint8_t)count.p[0], bytes);
}

static bool read_code(struct buf *out, uint8_t code, struct str *rest, const struct known *known)
{
    char text[ID_TEXT_SIZE], date[CLOCK_TEXT_SIZE];
    struct str bytes;

    if (code >= PHRASE) {
        if (code - PHRASE >= (int)ARRAY_LEN(phrases))
            return false;
        buf_add_text(out, phrases[code - PHRASE]);
        return true;
    }
    switch (code) {
    case LITERAL:
        if (!next(rest, 1, &bytes))
            return false;
        buf_add_str(out, bytes);
        return true;
    case SECONDS:
        buf_add_text(out, text_of_seconds(text, known));
        return true;
    case DATE:
        if (!next(rest, 1, &bytes))
            return false;
        buf_add_text(out,
                     clock_text_http(date, (known->started_ms / 1000 + (int8_t)bytes.p[0]) * 1000));
        return true;
    case HEX:
    case BASE64:
        if (!counted(rest, &bytes))
            return false;
        (code == HEX ? crypto_hex : crypto_base64)(out, bytes.p, bytes.n);
        return true;
    default:
        if (code - KNOWN_ID >= (int)ARRAY_LEN(known_ids))
            return false;
        buf_add_text(out, text_of_id(text, known, code - KNOWN_ID));
        return true;
    }
}

bool shorthand_read(struct buf *out, struct str stored, const struct known *known)
{
    struct str rest = stored, mark;

    if (stored.n == 0 || stored.p[0] != MARK) {
        buf_add_str(out, stored);
        return true;
    }
    if (!next(&rest, MARK_BYTES, &mark))
        return false;
    while (rest.n > 0) {
        uint8_t code = (uint8_t)rest.p[0];
        rest.p++;
        rest.n--;
        if (code < LITERAL)
            buf_add_char(out, (char)code);
        else if (!read_code(out, code, &rest, known))
            return false;
    }
    return true;
}
