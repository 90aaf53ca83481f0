/* io/fetch.h over the world: receivers that take, refuse, are slow or away, and a network that loses answers. */
#include "sim.h"

#include "base/header.h"
#include "core/delivery.h"
#include "io/fetch.h"
#include "oracle.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

struct fetcher {
    struct proc *proc;
};

struct fetch {
    struct proc *proc;
    int webhook, request, number, status;
    enum fetch_outcome outcome;
    void (*on_request)(void *arg);
    fetch_cb *cb;
    void *arg;
    void *request_arg;
    int64_t started_us;
    struct event *goes, *ends;
};

void net_begin(void)
{
    for (int i = 0; i < world.webhook_count; i++)
        world.webhooks[i].away_from_us = world.webhooks[i].away_to_us = 0;
}

struct fetcher *fetcher_create(struct loop *loop, const struct fetcher_config *config)
{
    struct fetcher *fetcher = xcalloc(1, sizeof *fetcher);

    (void)loop;
    (void)config;
    fetcher->proc = sim.current;
    return fetcher;
}

void fetcher_destroy(struct fetcher *fetcher)
{
    free(fetcher);
}

static const char *text_of(enum fetch_outcome outcome)
{
    switch (outcome) {
    case FETCH_ANSWERED:
        return "";
    case FETCH_CONNECT_FAILED:
        return "connection refused";
    case FETCH_TIMED_OUT:
        return "timed out";
    default:
        return "connection lost";
    }
}

static void on_end(void *arg)
{
    struct fetch *f = arg;
    char head[80];
    int n = f->outcome == FETCH_ANSWERED
                ? snprintf(head, sizeof head, "HTTP/1.1 %d x\r\n", f->status)
                : 0;
    struct fetch_result result = {
        .outcome = f->outcome,
        .error = text_of(f->outcome),
        .status = f->outcome == FETCH_ANSWERED ? f->status : 0,
        .head = {head, (size_t)n},
        .body = {"", 0},
        .total_us = sim.now_us - f->started_us,
    };
    fetch_cb *cb = f->cb;
    void *cb_arg = f->arg;
    bool success = f->outcome == FETCH_ANSWERED && status_is_success(f->status);

    TRACE("request %d ended: %s %d", f->request, text_of(f->outcome), result.status);
    oracle_request_ended(f->request, success ? REQUEST_SUCCEEDED : REQUEST_FAILED,
                         result.status == 0 || result.status >= 500);
    free(f);
    cb(cb_arg, &result);
}

static void end_in(struct fetch *f, enum fetch_outcome outcome, int64_t us)
{
    f->outcome = outcome;
    f->ends = sim_in(us, f->proc, on_end, f);
}

static bool chance(int one_in)
{
    return one_in > 0 && sim_one_in(one_in);
}

/* The receiver has it: the request begins to count. */
static void on_go(void *arg)
{
    struct fetch *f = arg;
    const struct world_webhook *w = &world.webhooks[f->webhook];
    int64_t timeout_us = MS(WORLD_TIMEOUT_MS),
            takes_us = sim_between(w->fast ? 200 : MS(1), MS(w->fast ? 2 : 30));

    f->goes = NULL;
    f->on_request(f->request_arg);
    if (chance(w->slow_one_in))
        takes_us = sim_between(MS(200), timeout_us + MS(500));
    f->status = f->number <= w->refuses  ? 400
                : chance(w->fail_one_in) ? (sim_one_in(2) ? 500 : 503)
                                         : 200;
    oracle.requests[f->request].succeeded = f->status == 200;
    if (takes_us > timeout_us)
        end_in(f, FETCH_TIMED_OUT, timeout_us);
    else if (chance(w->lost_one_in))
        end_in(f, FETCH_CONNECTION_LOST, takes_us + sim_delay());
    else
        end_in(f, FETCH_ANSWERED, takes_us + sim_delay());
}

static int number_in(const struct fetch_request *request)
{
    int64_t number = 0;
    bool found = str_to_i64(header_find(request->head, "X-Webhook-Attempt"), 0, 32767, &number);
    assert(found);
    return (int)number;
}

struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                          fetch_cb *cb, void *arg)
{
    struct fetch *f = xcalloc(1, sizeof *f);
    struct id id;

    *f = (struct fetch){.proc = fetcher->proc,
                        .on_request = request->on_request,
                        .cb = cb,
                        .arg = arg,
                        .request_arg = arg,
                        .started_us = sim.now_us};
    if (!id_parse(header_find(request->head, "X-Webhook-Delivery"), ID_DELIVERY, &id))
        abort();
    int delivery = find_delivery(id);
    if (delivery < 0) {
        fail_run("a request for what nobody accepted", "%s", request->url);
        delivery = 0;
    }
    f->webhook = ledger.deliveries[delivery].webhook;
    f->number = number_in(request);
    f->request = oracle_request(delivery, f->number);
    const struct world_webhook *w = &world.webhooks[f->webhook];
    if (sim.now_us >= w->away_from_us && sim.now_us < w->away_to_us)
        end_in(f, FETCH_CONNECT_FAILED, sim_delay());
    else
        f->goes = sim_in(sim_delay(), f->proc, on_go, f);
    return f;
}

void fetch_cancel(struct fetch *f)
{
    if (f == NULL)
        return;
    sim_forget(f->goes);
    sim_forget(f->ends);
    oracle_request_ended(f->request, REQUEST_CANCELLED, false);
    free(f);
}
