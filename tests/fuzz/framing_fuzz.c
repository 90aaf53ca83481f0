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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct phr_header headers[HEADERS_MAX];
    size_t n = HEADERS_MAX, method_n, path_n;
    const char *method, *path, *end = memmem(text, size, "\r\n\r\n", 4);
    int minor;

    /* Empty lines ahead are passed over by both. */
    size_t skip = 0;
    while (skip + 2 <= size && memcmp(text + skip, "\r\n", 2) == 0)
        skip += 2;
    if (framing_fault((struct str){text, size}) == NULL) {
        end = memmem(text + skip, size - skip, "\r\n\r\n", 4);
        require(end != NULL);
        int used = phr_parse_request(text + skip, size - skip, &method, &method_n, &path, &path_n,
                                     &minor, headers, &n, 0);
        require(used == end + 4 - text - (int)skip || n == HEADERS_MAX || used == -1);
        if (used > 0) {
            require(count(headers, n, "content-length") + count(headers, n, "transfer-encoding") <=
                    1);
            require(count(headers, n, "host") == 1 ||
                    (minor == 0 && count(headers, n, "host") == 0));
            for (size_t i = 0; i < n; i++)
                require(headers[i].name != NULL &&
                        memchr(headers[i].value, '\n', headers[i].value_len) == NULL);
        }
    }
    free(text);
    return 0;
}
