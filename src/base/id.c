/* UUIDv7 and its TypeID spelling. */
#include "base/id.h"

#include "base/clock.h"
#include "base/crypto.h"

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
#define DIGIT_COUNT 26
#define LEAD_MAX_MS 60000 /* of ids before the clock */

static void put_time(struct id *id, uint64_t ms)
{
    for (int i = 0; i < 6; i++)
        id->b[i] = (uint8_t)(ms >> (40 - 8 * i));
}

struct id id_new(void)
{
    static _Thread_local uint64_t last_ms;
    static _Thread_local uint16_t counter;
    struct id id;
    uint64_t now = (uint64_t)clock_wall_ms();

    crypto_random(id.b + 6, sizeof id.b - 6);
    /* 12 bits of counter after the time (RFC 9562 §6.2 method 1), from a random start with room
     * above; a full counter borrows the next millisecond. A clock that was set back does not take ids
     * with it, but for one that had run far ahead: whoever sorts by them sees that hour twice. */
    if (now > last_ms || last_ms - now > LEAD_MAX_MS) {
        last_ms = now;
        counter = (uint16_t)((id.b[6] << 8 | id.b[7]) & 0x3ff);
    } else if (++counter > 0xfff) {
        last_ms++;
        counter = 0;
    }
    put_time(&id, last_ms);
    id.b[6] = (uint8_t)(0x70 | counter >> 8);
    id.b[7] = (uint8_t)counter;
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    return id;
}

struct id id_floor(int64_t wall_ms)
{
    struct id id = {0};
    put_time(&id, (uint64_t)wall_ms);
    return id;
}

struct id id_last(void)
{
    struct id id;
    memset(id.b, 0xff, sizeof id.b);
    return id;
}

int64_t id_time_ms(struct id id)
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    return (int64_t)ms;
}

const char *id_text(char out[ID_TEXT_SIZE], const char *prefix, struct id id)
{
    size_t n = strlen(prefix);
    unsigned __int128 value = 0;

    assert(n + 1 + DIGIT_COUNT < ID_TEXT_SIZE);
    for (size_t i = 0; i < sizeof id.b; i++)
        value = value << 8 | id.b[i];
    memcpy(out, prefix, n);
    out[n] = '_';
    for (int i = DIGIT_COUNT; i > 0; i--, value >>= 5)
        out[n + (size_t)i] = digits[value & 31];
    out[n + 1 + DIGIT_COUNT] = '\0';
    return out;
}

static const char *digit_of(char c)
{
    return c != '\0' ? strchr(digits, c) : NULL;
}

bool id_is_like(struct str text)
{
    if (text.n < DIGIT_COUNT + 1 || text.p[text.n - DIGIT_COUNT - 1] != '_')
        return false;
    for (size_t i = text.n - DIGIT_COUNT; i < text.n; i++)
        if (digit_of(text.p[i]) == NULL)
            return false;
    return true;
}

bool id_parse(struct str text, const char *prefix, struct id *id)
{
    struct str head = str_of(prefix);
    unsigned __int128 value = 0;

    if (text.n != head.n + 1 + DIGIT_COUNT || !str_starts(text, head) || text.p[head.n] != '_')
        return false;
    const char *p = text.p + head.n + 1;
    if (p[0] > '7') /* 26 digits are 130 bits; the first carries three */
        return false;
    for (int i = 0; i < DIGIT_COUNT; i++) {
        const char *digit = digit_of(p[i]);
        if (digit == NULL)
            return false;
        value = value << 5 | (unsigned)(digit - digits);
    }
    for (size_t i = sizeof id->b; i > 0; i--, value >>= 8)
        id->b[i - 1] = (uint8_t)value;
    return true;
}

bool id_parse_uuid(struct str text, struct id *id)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '-')
            continue;
        const char *digit = text.p[i] != '\0' ? strchr(hex, text.p[i]) : NULL;
        if (digit == NULL || n == 2 * sizeof id->b)
            return false;
        id->b[n / 2] = (uint8_t)(id->b[n / 2] << 4 | (digit - hex));
        n++;
    }
    return n == 2 * sizeof id->b;
}
