/* Retry schedules and Retry-After. */
#include "core/backoff.h"

#include "base/clock.h"
#include "base/err.h"

int schedule_parse(struct str text, struct schedule *schedule)
{
    struct str piece;
    int64_t seconds;

    schedule->count = 0;
    if (text.n > 0 && text.p[text.n - 1] == ',')
        return ERR_INVALID;
    while (str_next(&text, ',', &piece)) {
        if (schedule->count == SCHEDULE_STEPS_MAX ||
            !str_to_i64(str_trim(piece), 1, SCHEDULE_SECONDS_MAX, &seconds))
            return ERR_INVALID;
        schedule->seconds[schedule->count++] = (int32_t)seconds;
    }
    return 0;
}

int64_t schedule_delay_ms(const struct schedule *schedule, int step)
{
    assert(step >= 0);
    return (size_t)step < schedule->count ? (int64_t)schedule->seconds[step] * 1000 : -1;
}

int64_t retry_after_ms(struct str value, int64_t now_ms)
{
    int64_t seconds, at_ms;

    value = str_trim(value);
    if (str_all_digits(value)) {
        if (!str_to_i64(value, 0, RETRY_AFTER_MAX_MS / 1000, &seconds))
            return RETRY_AFTER_MAX_MS;
        return seconds * 1000;
    }
    if (!clock_parse_http(value, &at_ms))
        return -1;
    int64_t delay = at_ms - now_ms;
    return delay < 0 ? 0 : delay > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : delay;
}
