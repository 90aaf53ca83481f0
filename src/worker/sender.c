/* Groups of claims become sendings. */
#include "sender.h"

#include <stdlib.h>

static bool guard(void *arg, const struct sockaddr *address)
{
    const struct sender *sender = arg;
    return address_allowed(&sender->settings->networks, address);
}

static bool port_guard(void *arg, uint16_t port)
{
    const struct sender *sender = arg;
    return port_allowed(&sender->settings->ports, port);
}

void sender_init(struct sender *sender, struct loop *loop, const struct settings *settings,
                 struct places *places, const struct sender_hooks *hooks)
{
    struct fetcher_config config = {
        .guard = guard,
        .port_guard = port_guard,
        .guard_arg = sender,
        .connections_max = 2 * (int)settings->config.worker_in_flight, /* idle ones too */
    };

    *sender = (struct sender){.settings = settings, .places = places, .hooks = *hooks};
    list_init(&sender->under_way);
    sender->fetcher = fetcher_create(loop, &config);
}

void sender_give_up(struct sender *sender)
{
    struct list *node;

    while ((node = list_pop(&sender->under_way)) != NULL)
        sending_destroy(CONTAINER_OF(node, struct sending, node));
}

void sender_fini(struct sender *sender)
{
    sender_give_up(sender);
    fetcher_destroy(sender->fetcher);
}

bool sender_idle(const struct sender *sender)
{
    return list_empty(&sender->under_way);
}

static void hand_over(struct sender *sender, struct sending *s)
{
    struct list ended, *node;

    list_init(&ended);
    list_move_all(&ended, &s->attempts);
    while ((node = list_pop(&ended)) != NULL)
        sender->hooks.on_ended(sender->hooks.arg, CONTAINER_OF(node, struct attempt, node));
}

/* Its place is that of the last one, whose request it is in the queue too. */
static void weigh(const struct sender *sender, const struct sending *s)
{
    places_weigh(sender->places, s->teller->finish.delivery, sending_bytes(s));
}

/* What is kept of it is all that it weighs from now on. */
static void on_sent(void *arg, struct sending *s)
{
    struct sender *sender = arg;
    list_remove(&s->node);
    weigh(sender, s);
    hand_over(sender, s);
}

/* Webhooks side by side, tests last, and the rest in the order of their events: ids of deliveries begin
 * with those of their events. */
static int by_webhook(const void *a, const void *b)
{
    const struct claim *x = *(const struct claim *const *)a, *y = *(const struct claim *const *)b;
    int order = id_cmp(x->to.webhook, y->to.webhook);

    if (order == 0)
        order = x->content.test - y->content.test;
    return order != 0 ? order : id_cmp(x->content.delivery, y->content.delivery);
}

static void give_back(struct sender *sender, const struct claim *const *claims, size_t count,
                      int64_t token)
{
    struct queue_ref *refs = xcalloc(count, sizeof *refs);

    for (size_t i = 0; i < count; i++)
        refs[i] = claims[i]->ref;
    sender->hooks.on_left(sender->hooks.arg, refs, count, token);
    free(refs);
}

/* A sending for the first of `claims`, and for those that its profile takes with it. The others are given
 * back: they go when this one has ended, if the gate lets them. */
static void send_some(struct sender *sender, const struct claim *const *claims, size_t count,
                      int64_t token)
{
    size_t most = (size_t)claims[0]->batch_max < count ? (size_t)claims[0]->batch_max : count;
    struct sending *s = sending_create(sender->settings, claims, most > 0 ? most : 1, token);
    size_t taken = s->count;

    weigh(sender, s);
    if (sending_has_ended(s)) {
        hand_over(sender, s);
    } else {
        list_push(&sender->under_way, &s->node);
        sending_start(s, sender->fetcher, on_sent, sender);
    }
    if (taken < count)
        give_back(sender, claims + taken, count - taken, token);
}

/* How many of `claims`, which are sorted, belong together with the first. */
static size_t group(const struct settings *settings, const struct claim *const *claims,
                    size_t count)
{
    const struct claim *first = claims[0];
    size_t n = 1;

    if (first->content.test || first->batch_max <= 1 || !message_takes_many(settings, &first->to))
        return 1;
    while (n < count && !claims[n]->content.test && id_eq(claims[n]->to.webhook, first->to.webhook))
        n++;
    return n;
}

void sender_send(struct sender *sender, const struct claim *claims, size_t count, int64_t token)
{
    const struct claim **sorted = xcalloc(count, sizeof *sorted);
    size_t n;

    for (size_t i = 0; i < count; i++)
        sorted[i] = &claims[i];
    qsort(sorted, count, sizeof *sorted, by_webhook);
    for (size_t i = 0; i < count; i += n) {
        n = group(sender->settings, sorted + i, count - i);
        send_some(sender, sorted + i, n, token);
    }
    free(sorted);
}
