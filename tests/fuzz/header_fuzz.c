/* The last gate of a request's header lines (io/fetch_head): what libcurl gets is lines with a name each, none of which
 * could begin another, and none that says where the request ends or who it is for. */
#include "fuzz.h"

#include "io/fetch_internal.h"

static void check(const struct curl_slist *line)
{
    static const char *const never[] = {"host", "content-length", "transfer-encoding"};
    size_t n = strcspn(line->data, ":;");

    require(strpbrk(line->data, "\r\n") == NULL && n > 0 && line->data[n] != '\0');
    for (size_t i = 0; i < n; i++)
        require(str_is_alnum(line->data[i]) || strchr("!#$%&'*+-.^_`|~", line->data[i]) != NULL);
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        require(!str_eq_nocase((struct str){line->data, n}, str_of(never[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fetch fetch;
    char *text = fuzz_text(data, size);
    size_t lines = 0, feeds = 0;

    buf_init(&fetch.line_bytes, FETCH_LINES_SIZE);
    fetch.request.head = (struct str){text, size};
    if (fetch_lines_build(&fetch)) {
        for (const struct curl_slist *line = fetch.lines; line != NULL; line = line->next, lines++)
            check(line);
        for (size_t i = 0; i < size; i++)
            feeds += text[i] == '\n';
        require(lines >= feeds + 1 && lines <= feeds + 3 && lines <= FETCH_LINES_MAX);
        require(memchr(text, '\0', size) == NULL);
    }
    buf_fini(&fetch.line_bytes);
    free(text);
    return 0;
}
