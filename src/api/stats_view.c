/* Numbers of attempts; what says nothing without one is null then. */
#include "stats_view.h"

#include <stdio.h>

/* `n` of `parts`, which `digits` behind the point can say. */
static void write_decimal(struct jsonw *w, const char *key, bool there, int64_t n, int parts,
                          int digits)
{
    char text[32];

    if (!there) {
        jsonw_null(w, key);
        return;
    }
    int size = snprintf(text, sizeof text, "%lld.%0*lld", (long long)(n / parts), digits,
                        (long long)(n % parts));
    jsonw_raw(w, key, (struct str){text, (size_t)size});
}

void stats_write(struct jsonw *w, const struct stats *s)
{
    bool any = s->attempts > 0;

    jsonw_i64(w, "attempts", s->attempts);
    jsonw_i64(w, "succeeded", s->succeeded);
    jsonw_i64(w, "failed", s->attempts - s->succeeded);
    jsonw_i64(w, "retried", s->retried);
    jsonw_i64(w, "exhausted", s->exhausted);
    write_decimal(w, "success_rate", any, any ? s->succeeded * 10000 / s->attempts : 0, 10000, 4);
    write_decimal(w, "p50_ms", any, s->p50_us, 1000, 3);
    write_decimal(w, "p95_ms", any, s->p95_us, 1000, 3);
}
