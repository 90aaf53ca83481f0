/* Stricter than RFC 9112 asks for where two readings are in use: what no client library sends is refused. */
#include "framing.h"

#include "base/header.h"

#define LINES_MAX 100 /* h2o takes no more */

struct head {
    int lines, lengths, codings, hosts;
    bool http_1_0;
    struct framing *framing;
};

/* Takes a line off `*rest`, which ends with CRLF and has no other control but tabs. */
static bool take_line(struct str *rest, struct str *line)
{
    for (size_t i = 0; i < rest->n; i++) {
        unsigned char c = (unsigned char)rest->p[i];
        if (c >= 0x20 && c != 0x7f)
            continue;
        if (c == '\t')
            continue;
        if (c != '\r' || i + 1 == rest->n || rest->p[i + 1] != '\n')
            return false;
        *line = (struct str){rest->p, i};
        *rest = (struct str){rest->p + i + 2, rest->n - i - 2};
        return true;
    }
    return false;
}

static const char *check_request_line(struct str line, struct head *head)
{
    struct str method, target;

    if (!str_next(&line, ' ', &method) || !str_next(&line, ' ', &target) ||
        !header_is_name(method) || target.n == 0 ||
        !(str_eq_text(line, "HTTP/1.1") || str_eq_text(line, "HTTP/1.0")))
        return "The request line is not a method, a target and HTTP/1.1 with one space between them";
    head->http_1_0 = str_eq_text(line, "HTTP/1.0");
    head->framing->target = target;
    return NULL;
}

static const char *check_length(struct str value, struct head *head)
{
    head->lengths++;
    return str_to_i64(value, 0, INT64_MAX, &head->framing->length) && str_all_digits(value) &&
                   value.n <= 18
               ? NULL
               : "Content-Length is not a number of bytes";
}

static const char *check_coding(struct str value, struct head *head)
{
    head->codings++;
    head->framing->chunked = true;
    return str_eq_nocase(value, STR_LIT("chunked")) ? NULL : "Transfer-Encoding is not `chunked`";
}

static const char *check_host(struct str value, struct head *head)
{
    head->hosts++;
    for (size_t i = 0; i < value.n; i++)
        if (strchr(" \t,/?#@\\", value.p[i]) != NULL)
            return "Host is not a host";
    return NULL;
}

static const char *check_expect(struct str value, struct head *head)
{
    (void)value;
    head->framing->expects = true;
    return NULL;
}

static const char *check_authorization(struct str value, struct head *head)
{
    head->framing->authorization = value;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*check)(struct str value, struct head *head);
} checks[] = {
    {"Content-Length", check_length}, {"Transfer-Encoding", check_coding},    {"Host", check_host},
    {"Expect", check_expect},         {"Authorization", check_authorization},
};

static const char *check_header(struct str line, struct head *head)
{
    const char *colon = memchr(line.p, ':', line.n);

    if (++head->lines > LINES_MAX)
        return "The request has more than 100 header lines";
    if (colon == NULL || !header_is_name((struct str){line.p, (size_t)(colon - line.p)}))
        return "A header line does not begin with a name and a colon";
    struct str name = {line.p, (size_t)(colon - line.p)};
    struct str value = str_trim((struct str){colon + 1, line.n - name.n - 1});
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (str_eq_nocase(name, str_of(checks[i].name)))
            return checks[i].check(value, head);
    return NULL;
}

static const char *check_whole(const struct head *head)
{
    if (head->lengths + head->codings > 1)
        return "The request says more than once where its body ends";
    if (head->codings > 0 && head->http_1_0)
        return "HTTP/1.0 has no chunks";
    if (head->hosts > 1 || (head->hosts == 0 && !head->http_1_0))
        return "The request must have one Host";
    return NULL;
}

static const char *check(struct str input, struct head *head)
{
    static const char *const not_lines =
        "The lines of the head must end with CRLF and have no control characters";
    const char *fault = NULL;
    struct str line;

    /* Empty lines ahead are passed over (§2.2). */
    do {
        if (!take_line(&input, &line))
            return not_lines;
    } while (line.n == 0);
    fault = check_request_line(line, head);
    while (fault == NULL) {
        if (!take_line(&input, &line))
            return not_lines;
        if (line.n == 0)
            return check_whole(head);
        fault = check_header(line, head);
    }
    return fault;
}

void framing_read(struct str input, struct framing *framing)
{
    struct head head = {.framing = framing};

    *framing = (struct framing){0};
    framing->fault = check(input, &head);
}

size_t framing_end(struct str input, size_t seen)
{
    const char *lf, *end = input.p + input.n;

    /* An empty line ahead is not the end, however it came. */
    size_t ahead = str_starts(input, STR_LIT("\n"))     ? 1
                   : str_starts(input, STR_LIT("\r\n")) ? 2
                                                        : 0;
    size_t at = seen > ahead + 2 ? seen - 2 : ahead;
    for (; at < input.n && (lf = memchr(input.p + at, '\n', input.n - at)) != NULL;
         at = (size_t)(lf - input.p) + 1) {
        if (lf + 1 < end && lf[1] == '\n')
            return (size_t)(lf - input.p) + 2;
        if (lf + 2 < end && lf[1] == '\r' && lf[2] == '\n')
            return (size_t)(lf - input.p) + 3;
    }
    return 0;
}

void framing_hide_body(char *head, size_t n)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", "Expect"};
    struct str rest = {head, n}, line, name;

    while (str_next(&rest, '\n', &line)) {
        char *first = head + (line.p - head);
        if (!str_next(&line, ':', &name))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (str_eq_nocase(str_trim(name), str_of(names[i])))
                *first = 'x';
    }
}
