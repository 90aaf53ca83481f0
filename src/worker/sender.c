/* Groups of claims become sendings. */
#include "sender.h"

#include <stdlib.h>

static bool guard(void *arg, const struct sockaddr *address)
{
    const struct sender *sender = arg;
    return address_allowed(&sender->settings->networks, address);
}

void sender_init(struct sender *sender, struct loop *loop, const struct settings *settings,
                 sender_cb *on_ended, void *arg)
{
    struct fetcher_config config = {
        .guard = guard,
        .guard_arg = sender,
        .connections_max = 2 * (int)settings->config.worker_in_flight,
    };

    *sender = (struct sender){.settings = settings, .on_ended = on_ended, .arg = arg};
    list_init(&sender->under_way);
    sender->fetcher = fetcher_create(loop, &config);
}

void sender_fini(struct sender *sender)
{
    struct list *node;

    while ((node = list_pop(&sender->under_way)) != NULL)
        sending_destroy(CONTAINER_OF(node, struct sending, node));
    fetcher_destroy(sender->fetcher);
}

static void hand_over(struct sender *sender, struct sending *s)
{
    struct list ended, *node;

    list_init(&ended);
    list_move_all(&ended, &s->attempts);
    while ((node = list_pop(&ended)) != NULL)
        sender->on_ended(sender->arg, CONTAINER_OF(node, struct attempt, node));
}

static void on_sent(void *arg, struct sending *s)
{
    list_remove(&s->node);
    hand_over(arg, s);
}

/* A sending for the first of `claims`, and for those that its profile takes with it; how many. */
static size_t send_first(struct sender *sender, const struct claim *const *claims, size_t count,
                         int64_t token)
{
    struct sending *s = sending_create(sender->settings, claims, count, token);
    size_t taken = s->count;

    if (s->ended) {
        hand_over(sender, s);
    } else {
        list_push(&sender->under_way, &s->node);
        sending_start(s, sender->fetcher, on_sent, sender);
    }
    return taken;
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

/* How many of `claims`, which are sorted, may go together with the first. */
static size_t group(const struct claim *const *claims, size_t count)
{
    size_t n = 1;

    if (!claims[0]->content.test && message_takes_many(&claims[0]->to))
        while (n < count && n < MESSAGE_EVENTS_MAX && !claims[n]->content.test &&
               id_eq(claims[n]->to.webhook, claims[0]->to.webhook))
            n++;
    return n;
}

void sender_send(struct sender *sender, const struct claim *claims, size_t count, int64_t token)
{
    const struct claim **sorted = xcalloc(count, sizeof *sorted);

    for (size_t i = 0; i < count; i++)
        sorted[i] = &claims[i];
    qsort(sorted, count, sizeof *sorted, by_webhook);
    for (size_t i = 0; i < count;)
        i += send_first(sender, sorted + i, group(sorted + i, count - i), token);
    free(sorted);
}
