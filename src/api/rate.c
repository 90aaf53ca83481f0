/* A key's rate, and the header fields that tell of it. */
#include "rate.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "reply.h"

#include <stdio.h>

/* A window that is as long as the bucket takes to fill. */
static void add_fields(struct call *call, const struct rate *rate, const struct rate_left *left)
{
    int64_t window = (rate->burst + rate->per_second - 1) / rate->per_second;

    snprintf(call->rate_policy, sizeof call->rate_policy, "\"key\";q=%lld;w=%lld",
             (long long)rate->burst, (long long)window);
    snprintf(call->rate_left, sizeof call->rate_left, "\"key\";r=%lld;t=%lld",
             (long long)left->requests, (long long)left->seconds);
    call_add_header(call, "RateLimit-Policy", call->rate_policy);
    call_add_header(call, "RateLimit", call->rate_left);
}

static void refuse(struct call *call, const struct rate *rate)
{
    const char *who = call->route->scope == SCOPE_OPEN ? "source" : "key";

    metric_add(METRIC_REQUESTS_PER_KEY_MET, 1);
    if (rate->per_second == 0)
        reply_errorf(call, ERR_RATE, "This %s asked too often, by the rate that it had until now",
                     who);
    else
        reply_errorf(call, ERR_RATE, "This %s may make %lld requests a second, which is %s", who,
                     (long long)rate->per_second,
                     call->requests >= 0 ? "its requests_per_second" : "POSTHORN_REQUESTS_PER_KEY");
}

bool rate_allows(struct call *call, const struct rate *rate)
{
    struct rate_left left = {0, 1}; /* of one that was over: there is one in a second at most */
    bool allowed =
        !call->over && (rate->per_second == 0 ||
                        rates_take(call->api->rates, call->key, rate, clock_mono_us(), &left));

    if (rate->per_second > 0)
        add_fields(call, rate, &left);
    if (!allowed)
        refuse(call, rate);
    return allowed;
}
