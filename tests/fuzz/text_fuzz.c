/* Small texts that strangers write: times, ids (which cursors are), keys' names. What is taken must be what the C
 * library, or writing it again, says. */
#include "fuzz.h"

#include "base/clock.h"
#include "base/header.h"
#include "base/id.h"
#include "core/key.h"

#include <time.h>

static int64_t seconds_of(const char *text, const char *format, const char **rest)
{
    struct tm tm = {0};

    *rest = strptime(text, format, &tm);
    require(*rest != NULL);
    return timegm(&tm);
}

static void try_rfc3339(struct str text)
{
    const char *rest;
    int hour, minute, second, offset_hour = 0, offset_minute = 0;
    int64_t ms;

    if (!clock_parse(text, &ms))
        return;
    int64_t seconds = seconds_of(text.p, "%Y-%m-%d", &rest);
    require(rest == text.p + 10);
    require(sscanf(rest + 1, "%2d:%2d:%2d", &hour, &minute, &second) == 3);
    const char *zone = rest + 9 + strcspn(rest + 9, "Zz+-");
    bool utc = *zone == 'Z' || *zone == 'z';
    require(utc || sscanf(zone + 1, "%2d:%2d", &offset_hour, &offset_minute) == 2);
    seconds += hour * 3600 + minute * 60 + second;
    seconds -= (*zone == '-' ? -1 : 1) * (offset_hour * 3600 + offset_minute * 60);
    require(ms / 1000 == (seconds > 0 ? seconds : 0) ||
            second == 60); /* a leap second has no number */
}

static void try_http(struct str text)
{
    const char *rest;
    int64_t ms;

    if (!clock_parse_http(text, &ms))
        return;
    require(text.n == 29);
    int64_t seconds = seconds_of(text.p + 5, "%d %b %Y %H:%M:%S", &rest);
    require(strcmp(rest, " GMT") == 0);
    require(seconds * 1000 == ms || strncmp(rest - 2, "60", 2) == 0); /* as above */
}

static void try_ids(struct str text)
{
    static const char *const prefixes[] = {ID_WEBHOOK, ID_EVENT, ID_TEST_EVENT, ID_KEY};
    char out[ID_TEXT_SIZE];
    struct id id;

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (id_parse(text, prefixes[i], &id))
            require(str_eq_text(text, id_text(out, prefixes[i], id)));
    static const uint8_t secret[SHA256_SIZE];
    if (key_parse(secret, text, &id) != KEY_NONE)
        require(text.n <= KEY_TEXT_MAX && str_starts(text, STR_LIT("ph_")));
    if (id_parse_uuid(text, &id)) {
        size_t at = 0;
        for (size_t i = 0; i < text.n; i++)
            if (text.p[i] != '-') {
                require(at < 32 &&
                        str_hex(text.p[i]) == (id.b[at / 2] >> (at % 2 == 0 ? 4 : 0) & 15));
                at++;
            }
        require(at == 32);
    }
}

static void try_heads(struct str text)
{
    struct str value = header_find(text, "Retry-After");

    require(value.p == NULL || (value.p >= text.p && value.p + value.n <= text.p + text.n));
    require(memchr(value.p != NULL ? value.p : "", '\n', value.n) == NULL);
    if (header_is_name(text))
        for (size_t i = 0; i < text.n; i++)
            require(strchr("()<>@,;:\\\"/[]?={} \t", text.p[i]) == NULL && text.p[i] > ' ' &&
                    text.p[i] < 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct str s = {text, size};

    try_rfc3339(s);
    try_http(s);
    try_ids(s);
    try_heads(s);
    free(text);
    return 0;
}
