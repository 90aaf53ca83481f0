/* Marks in a table of bytes, one for each event at each hook. */
#include "arrivals.h"

#define GAPS_SHOWN 20

enum mark { ARRIVED = 1, REFUSED = 2 };

void arrivals_reset(struct arrivals *a, long run, long events, long hooks, long fail_percent)
{
    struct samples samples = {a->samples.us, 0};

    free(a->marks);
    *a = (struct arrivals){.run = run,
                           .events = events,
                           .hooks = hooks,
                           .fail_percent = fail_percent,
                           .samples = samples};
    if (events > 0)
        a->marks = calloc((size_t)events, (size_t)hooks);
}

static long number_after(const char *body, size_t n, const char *name)
{
    const char *at = memmem(body, n, name, strlen(name));
    return at != NULL ? strtol(at + strlen(name), NULL, 10) : -1;
}

static int is_stray(const struct arrivals *a, long run, long hook, long number)
{
    return run != a->run || hook < 0 || hook >= a->hooks || number < 0 || number >= a->events;
}

static void take(struct arrivals *a, int64_t at_us)
{
    int64_t now = now_us(CLOCK_REALTIME);

    a->last_us = now;
    if (a->count++ == 0)
        a->first_us = now;
    if (at_us >= 0)
        samples_add(&a->samples, now - at_us);
}

int arrivals_take(struct arrivals *a, long hook, const char *body, size_t n)
{
    long number = number_after(body, n, "\"number\":");
    int64_t at_us = number_after(body, n, "\"at\":");

    if (a->events == 0) {
        take(a, at_us);
        return 1;
    }
    if (is_stray(a, number_after(body, n, "\"run\":"), hook, number)) {
        a->strays++;
        return 1;
    }
    unsigned char *mark = &a->marks[hook * a->events + number];
    if (number * 37 % 100 < a->fail_percent && *mark == 0) { /* not one after the other */
        *mark = REFUSED;
        a->refused++;
        return 0;
    }
    if (*mark & ARRIVED)
        a->duplicates++;
    else
        a->arrived++;
    *mark |= ARRIVED;
    take(a, at_us);
    return 1;
}

static int gaps_json(const struct arrivals *a, char *out, size_t size)
{
    long total = a->events * a->hooks;
    int n = 0, shown = 0;

    for (long i = 0; i < total && shown < GAPS_SHOWN; i++) {
        long first = i;
        while (i < total && !(a->marks[i] & ARRIVED) && i / a->events == first / a->events)
            i++;
        if (i == first)
            continue;
        n += snprintf(out + n, size - (size_t)n, "%s[%ld, %ld, %ld]", shown++ > 0 ? ", " : "",
                      first / a->events, first % a->events, i - first);
        i--;
    }
    return n;
}

int arrivals_json(struct arrivals *a, int latency, char *out, size_t size)
{
    int n = snprintf(out, size,
                     "{\"count\": %zu, \"arrived\": %zu, \"duplicates\": %zu, \"strays\": %zu, "
                     "\"refused\": %zu, \"seconds\": %.6f",
                     a->count, a->arrived, a->duplicates, a->strays, a->refused,
                     (double)(a->last_us - a->first_us) / 1e6);

    if (latency) {
        n += snprintf(out + n, size - (size_t)n, ", \"latency\": ");
        n += samples_json(&a->samples, out + n, size - (size_t)n);
        n += snprintf(out + n, size - (size_t)n, ", \"missing\": [");
        n += gaps_json(a, out + n, size - (size_t)n);
        n += snprintf(out + n, size - (size_t)n, "]");
    }
    return n + snprintf(out + n, size - (size_t)n, "}");
}
