/* Reading the clocks, and RFC 3339 and HTTP dates. The civil-date arithmetic is the proleptic
 * Gregorian calendar counted in 400-year eras, March first, so that leap days fall at the end of a
 * year. */
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

struct civil {
    int64_t year, month, day, hour, minute, second;
};

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool civil_valid(const struct civil *c)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->year < 1970 || c->month < 1 || c->month > 12 || c->day < 1)
        return false;
    int last = days[c->month - 1] + (c->month == 2 && is_leap(c->year) ? 1 : 0);
    return c->day <= last && c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static int64_t civil_to_ms(const struct civil *c)
{
    int64_t year = c->year - (c->month <= 2 ? 1 : 0);
    int64_t era = year / 400, year_of_era = year % 400;
    int64_t day_of_year = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    int64_t days = era * 146097 + day_of_era - 719468;
    int64_t second = c->second == 60 ? 59 : c->second; /* a leap second has no place in Unix time */
    return ((days * 24 + c->hour) * 60 + c->minute) * 60000 + second * 1000;
}

/* Takes exactly `digits` digits. */
static bool take_number(struct str *s, size_t digits, int64_t *out)
{
    struct str head = {s->p, digits};
    if (s->n < digits || !str_all_digits(head) || !str_to_i64(head, 0, INT32_MAX, out))
        return false;
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

static bool take_clock(struct str *s, struct civil *c)
{
    return take_number(s, 2, &c->hour) && take_one_of(s, ":") && take_number(s, 2, &c->minute) &&
           take_one_of(s, ":") && take_number(s, 2, &c->second);
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

static bool take_offset(struct str *s, int64_t *minutes)
{
    int64_t hour, minute;
    *minutes = 0;
    if (take_one_of(s, "Zz"))
        return true;
    bool west = s->n > 0 && s->p[0] == '-';
    if (!take_one_of(s, "+-") || !take_number(s, 2, &hour) || !take_one_of(s, ":") ||
        !take_number(s, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (west ? -1 : 1) * (hour * 60 + minute);
    return true;
}

bool clock_parse(struct str text, int64_t *wall_ms)
{
    struct civil c;
    int64_t ms, offset;
    if (!take_number(&text, 4, &c.year) || !take_one_of(&text, "-") ||
        !take_number(&text, 2, &c.month) || !take_one_of(&text, "-") ||
        !take_number(&text, 2, &c.day) || !take_one_of(&text, "Tt ") || !take_clock(&text, &c) ||
        !take_fraction(&text, &ms) || !take_offset(&text, &offset) || text.n != 0 ||
        !civil_valid(&c))
        return false;
    *wall_ms = civil_to_ms(&c) + ms - offset * 60000;
    return *wall_ms >= 0 && (c.second < 60 || *wall_ms / 60000 % MINUTES_A_DAY == LAST_MINUTE);
}

static bool take_name(struct str *s, const char *const names[], size_t count, int64_t *index)
{
    for (*index = 0; *index < (int64_t)count; ++*index)
        if (take_text(s, names[*index]))
            return true;
    return false;
}

bool clock_parse_http(struct str text, int64_t *wall_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    struct civil c;
    int64_t day_name, month;
    if (!take_name(&text, days, ARRAY_LEN(days), &day_name) || !take_text(&text, ", ") ||
        !take_number(&text, 2, &c.day) || !take_one_of(&text, " ") ||
        !take_name(&text, months, ARRAY_LEN(months), &month) || !take_one_of(&text, " ") ||
        !take_number(&text, 4, &c.year) || !take_one_of(&text, " ") || !take_clock(&text, &c) ||
        !take_text(&text, " GMT") || text.n != 0)
        return false;
    c.month = month + 1;
    if (!civil_valid(&c))
        return false;
    *wall_ms = civil_to_ms(&c);
    return true;
}
