/* io/url against a second reading of the same bytes: whoever splits the text by the book (RFC 3986 §3.2, and with the
 * backslashes of browsers) must come to the same host and port, and what was normalised must stay as it is. */
#include "fuzz.h"

#include "io/url.h"

#include <arpa/inet.h>
#include <strings.h>

struct reading {
    struct str host; /* without brackets and the last dot */
    long port;
};

/* Of "http[s]:" and slashes, of which browsers and libcurl take one for two. */
static struct reading read_again(const char *text)
{
    bool tls = strncasecmp(text, "https", 5) == 0;
    const char *start = text + (tls ? 6 : 5);
    start += strspn(start, "/");
    const char *end = start + strcspn(start, "/?#\\");
    const char *at = memrchr(start, '@', (size_t)(end - start));

    start = at != NULL ? at + 1 : start;
    const char *close = start[0] == '[' ? memchr(start, ']', (size_t)(end - start)) : start;
    require(close != NULL);
    const char *colon = memchr(close, ':', (size_t)(end - close));
    const char *stop = colon != NULL ? colon : end;
    struct str host = start[0] == '[' ? (struct str){start + 1, (size_t)(close - start - 1)}
                                      : (struct str){start, (size_t)(stop - start)};
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return (struct reading){host, colon != NULL && colon + 1 < end ? strtol(colon + 1, NULL, 10)
                                  : tls                            ? 443
                                                                   : 80};
}

static void check_host(const struct url *url)
{
    uint8_t bytes[16];
    bool v4 = inet_pton(AF_INET, url->host, bytes) == 1;
    bool v6 = inet_pton(AF_INET6, url->host, bytes) == 1;

    require(url->literal == (v4 || v6));
    require(!url->literal || url->address.ss_family == (v4 ? AF_INET : AF_INET6));
    if (v4)
        require(memcmp(&((const struct sockaddr_in *)&url->address)->sin_addr, bytes, 4) == 0);
    if (v6)
        require(memcmp(&((const struct sockaddr_in6 *)&url->address)->sin6_addr, bytes, 16) == 0);
    require(url->host[0] != '\0' && strpbrk(url->host, "@\\/?#% []") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url url, again;
    const char *why = NULL;
    char *text = fuzz_text(data, size);

    if (url_parse((struct str){text, size}, &url, &why) == 0) {
        struct reading reading = read_again(url.text), first = read_again(text);
        check_host(&url);
        require(reading.port == url.port &&
                (url.literal || str_eq_nocase(reading.host, str_of(url.host))));
        /* Spellings of addresses and escapes are libcurl's to read; names mean what they say. */
        if (!url.literal && memchr(text, '%', size) == NULL)
            require(str_eq_nocase(first.host, str_of(url.host)) && first.port == url.port);
        require(url.path <= strlen(url.text) && url.text[url.path] == '/');
        require(url_parse(str_of(url.text), &again, &why) == 0);
        require(strcmp(again.text, url.text) == 0 && strcmp(again.host, url.host) == 0);
    } else {
        require(why != NULL && why[0] != '\0');
    }
    free(text);
    return 0;
}
