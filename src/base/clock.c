/* Reading the clocks, and RFC 3339 and HTTP dates. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

/* A leap second is 23:59:60 UTC. */
#define MINUTES_A_DAY 1440
#define LAST_MINUTE   1439

static int64_t read_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

const char *clock_text(char out[CLOCK_TEXT_SIZE], int64_t wall_ms, enum clock_precision precision)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (precision == CLOCK_MILLIS)
        n += (size_t)snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%03d", (int)(wall_ms % 1000));
    snprintf(out + n, CLOCK_TEXT_SIZE - n, "Z");
    return out;
}

const char *clock_text_http(char out[CLOCK_TEXT_SIZE], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    if (strftime(out, CLOCK_TEXT_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        out[0] = '\0';
    return out;
}

/* timegm() takes the 30th of February for the first or second of March: a date is one that it leaves as
 * it is. A leap second, which has no place in Unix time, counts as the one before. */
static bool to_ms(struct tm date, int64_t *ms)
{
    if (date.tm_sec == 60)
        date.tm_sec = 59;
    struct tm t = date;
    int64_t seconds = timegm(&t);
    *ms = seconds * 1000;
    return t.tm_year == date.tm_year && t.tm_mon == date.tm_mon && t.tm_mday == date.tm_mday &&
           t.tm_hour == date.tm_hour && t.tm_min == date.tm_min && t.tm_sec == date.tm_sec;
}

/* Takes exactly `digits` digits; what they say is `base` more than `*out`. */
static bool take_number(struct str *s, size_t digits, int base, int *out)
{
    struct str head = {s->p, digits};
    int64_t number;
    if (s->n < digits || !str_all_digits(head) || !str_to_i64(head, 0, INT32_MAX, &number))
        return false;
    *out = (int)number - base;
    s->p += digits;
    s->n -= digits;
    return true;
}

static bool take_one_of(struct str *s, const char *set)
{
    if (s->n == 0 || s->p[0] == '\0' || strchr(set, s->p[0]) == NULL)
        return false;
    s->p++;
    s->n--;
    return true;
}

static bool take_text(struct str *s, const char *text)
{
    struct str prefix = str_of(text);
    if (!str_starts(*s, prefix))
        return false;
    s->p += prefix.n;
    s->n -= prefix.n;
    return true;
}

static bool take_clock(struct str *s, struct tm *t)
{
    return take_number(s, 2, 0, &t->tm_hour) && take_one_of(s, ":") &&
           take_number(s, 2, 0, &t->tm_min) && take_one_of(s, ":") &&
           take_number(s, 2, 0, &t->tm_sec);
}

/* ".678" and more digits, which are dropped. */
static bool take_fraction(struct str *s, int64_t *ms)
{
    *ms = 0;
    if (!take_one_of(s, "."))
        return true;
    struct str digits = str_take_digits(s);
    *ms = str_thousandths(digits);
    return digits.n > 0;
}

static bool take_offset(struct str *s, int *minutes)
{
    int hour, minute;
    *minutes = 0;
    if (take_one_of(s, "Zz"))
        return true;
    bool west = s->n > 0 && s->p[0] == '-';
    if (!take_one_of(s, "+-") || !take_number(s, 2, 0, &hour) || !take_one_of(s, ":") ||
        !take_number(s, 2, 0, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (west ? -1 : 1) * (hour * 60 + minute);
    return true;
}

bool clock_parse(struct str text, int64_t *wall_ms)
{
    struct tm t = {0};
    int64_t ms, fraction_ms;
    int offset;
    if (!take_number(&text, 4, 1900, &t.tm_year) || !take_one_of(&text, "-") ||
        !take_number(&text, 2, 1, &t.tm_mon) || !take_one_of(&text, "-") ||
        !take_number(&text, 2, 0, &t.tm_mday) || !take_one_of(&text, "Tt ") ||
        !take_clock(&text, &t) || !take_fraction(&text, &fraction_ms) ||
        !take_offset(&text, &offset) || text.n != 0 || !to_ms(t, &ms))
        return false;
    ms += fraction_ms - (int64_t)offset * 60000;
    *wall_ms = ms > 0 ? ms : 0;
    return t.tm_sec < 60 || *wall_ms / 60000 % MINUTES_A_DAY == LAST_MINUTE;
}

static bool take_name(struct str *s, const char *const names[], int count, int *index)
{
    for (*index = 0; *index < count; ++*index)
        if (take_text(s, names[*index]))
            return true;
    return false;
}

bool clock_parse_http(struct str text, int64_t *wall_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    struct tm t = {0};
    return take_name(&text, days, ARRAY_LEN(days), &t.tm_wday) && take_text(&text, ", ") &&
           take_number(&text, 2, 0, &t.tm_mday) && take_one_of(&text, " ") &&
           take_name(&text, months, ARRAY_LEN(months), &t.tm_mon) && take_one_of(&text, " ") &&
           take_number(&text, 4, 1900, &t.tm_year) && take_one_of(&text, " ") &&
           take_clock(&text, &t) && take_text(&text, " GMT") && text.n == 0 && to_ms(t, wall_ms) &&
           *wall_ms >= 0;
}
