/* An attempt: from a claim to a verdict. */
#include "attempt.h"

#include "base/clock.h"

struct attempt *attempt_create(const struct claim *c, int64_t token, struct sending *sending)
{
    struct attempt *a = xcalloc(1, sizeof *a);

    list_init(&a->node);
    a->sending = sending;
    a->webhook = c->to.webhook;
    a->step = (int)c->step;
    a->finish.delivery = c->content.delivery;
    a->finish.token = token;
    a->finish.test = c->content.test;
    a->finish.number = c->content.attempt;
    return a;
}

void attempt_end(struct attempt *a, const struct finish *result, const struct attempt_seen *seen,
                 const struct schedule *schedule)
{
    struct finish finish = *result;
    struct attempt_seen own = *seen;

    own.step = a->step;
    own.once = a->finish.test;
    a->verdict = delivery_judge(schedule, &own);
    a->ended_ms = clock_mono_ms();
    finish.delivery = a->finish.delivery;
    finish.token = a->finish.token;
    finish.test = a->finish.test;
    finish.number = a->finish.number;
    finish.state = a->verdict.state;
    finish.error = a->verdict.error;
    finish.delay_ms = a->verdict.delay_ms;
    finish.free = a->verdict.free;
    a->finish = finish;
}
