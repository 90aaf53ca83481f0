/* api/framing against the parser that comes after it, h2o's own: a head that is plain is one to both, ends at the same
 * byte, and says once at most, whoever counts, where its body ends. */
#include "fuzz.h"

#include "api/framing.h"

#include <strings.h>

enum { HEADERS_MAX = 100 };

/* Of libh2o, which installs no header for it (picohttpparser.h). */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

int phr_parse_request(const char *buf, size_t len, const char **method, size_t *method_len,
                      const char **path, size_t *path_len, int *minor_version,
                      struct phr_header *headers, size_t *num_headers, size_t last_len);

static int count(const struct phr_header *headers, size_t n, const char *name)
{
    int found = 0;
    for (size_t i = 0; i < n; i++)
        found += headers[i].name_len == strlen(name) &&
                 strncasecmp(headers[i].name, name, headers[i].name_len) == 0;
    return found;
}

struct request {
    struct phr_header headers[HEADERS_MAX];
    size_t count;
    int used, minor; /* used: bytes of the head; -1: it is none, or has too many headers */
};

static void parse(const char *text, size_t size, struct request *r)
{
    const char *method, *path;
    size_t method_n, path_n;

    r->count = HEADERS_MAX;
    r->used = phr_parse_request(text, size, &method, &method_n, &path, &path_n, &r->minor,
                                r->headers, &r->count, 0);
}

static int of_name(const struct request *r, const char *name)
{
    return count(r->headers, r->count, name);
}

static void check_plain(const char *text, size_t size, size_t end, const struct framing *framing)
{
    struct request r;

    parse(text, size, &r);
    require(r.used == (int)end || r.used == -1);
    if (r.used < 0)
        return;
    require(of_name(&r, "content-length") + of_name(&r, "transfer-encoding") <= 1);
    require(of_name(&r, "host") == 1 || (r.minor == 0 && of_name(&r, "host") == 0));
    require(framing->chunked == (of_name(&r, "transfer-encoding") == 1));
    require(framing->length == 0 || of_name(&r, "content-length") == 1);
    for (size_t i = 0; i < r.count; i++)
        require(r.headers[i].name != NULL &&
                memchr(r.headers[i].value, '\n', r.headers[i].value_len) == NULL);
}

/* Nothing of a body is left for h2o to see, and the head is as long as it was. */
static void check_hidden(char *text, size_t end)
{
    struct request r;

    framing_hide_body(text, end);
    parse(text, end, &r);
    require(r.used == (int)end || r.used == -1);
    require(r.used < 0 || of_name(&r, "content-length") + of_name(&r, "transfer-encoding") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct framing framing;
    size_t end = framing_end((struct str){text, size}, 0);

    require(end <= size);
    for (size_t seen = 0; end > 0 && seen < end; seen += size / 64 + 1) {
        require(seen == 0 || framing_end((struct str){text, seen}, 0) == 0);
        require(framing_end((struct str){text, size}, seen) == end);
    }
    framing_read((struct str){text, size}, &framing);
    if (framing.fault == NULL) {
        require(end > 0 && memcmp(text + end - 4, "\r\n\r\n", 4) == 0);
        check_plain(text, size, end, &framing);
        check_hidden(text, end);
    }
    free(text);
    return 0;
}
