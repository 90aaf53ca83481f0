/* A ring of apps, each with its list. */
#include "accept_queue.h"

#include "base/fair.h"

#include <stdlib.h>

/* An app that has something waiting. */
struct accept_turn {
    struct list node;
    struct id app;
    struct list waiters;
    size_t events, bytes;
};

void accept_queue_init(struct accept_queue *q, size_t events_max, size_t bytes_max)
{
    *q = (struct accept_queue){.events_max = events_max, .bytes_max = bytes_max};
    list_init(&q->turns);
}

void accept_queue_fini(struct accept_queue *q)
{
    assert(list_empty(&q->turns));
    idmap_fini(&q->by_app);
}

static struct accept_turn *turn_create(struct accept_queue *q, struct id app)
{
    struct accept_turn *turn = xcalloc(1, sizeof *turn);

    turn->app = app;
    list_init(&turn->waiters);
    list_push(&q->turns, &turn->node);
    idmap_set(&q->by_app, app, turn);
    return turn;
}

bool accept_queue_push(struct accept_queue *q, struct id app, struct accept_waiter *waiter)
{
    struct accept_turn *turn = idmap_get(&q->by_app, app);
    size_t events = turn != NULL ? turn->events : 0, bytes = turn != NULL ? turn->bytes : 0;

    if (!fair_fits(q->events_max, q->events, events, waiter->events) ||
        !fair_fits(q->bytes_max, q->bytes, bytes, waiter->bytes))
        return false;
    if (turn == NULL)
        turn = turn_create(q, app);
    list_push(&turn->waiters, &waiter->node);
    waiter->turn = turn;
    turn->events += waiter->events;
    turn->bytes += waiter->bytes;
    q->events += waiter->events;
    q->bytes += waiter->bytes;
    return true;
}

struct accept_waiter *accept_queue_next(struct accept_queue *q,
                                        const struct accept_waiter *previous)
{
    struct list *node = previous == NULL ? q->turns.next : previous->turn->node.next;

    if (node == &q->turns)
        return NULL;
    struct accept_turn *turn = CONTAINER_OF(node, struct accept_turn, node);
    return CONTAINER_OF(turn->waiters.next, struct accept_waiter, node);
}

void accept_queue_remove(struct accept_queue *q, struct accept_waiter *waiter)
{
    struct accept_turn *turn = waiter->turn;

    list_remove(&waiter->node);
    waiter->turn = NULL;
    turn->events -= waiter->events;
    turn->bytes -= waiter->bytes;
    q->events -= waiter->events;
    q->bytes -= waiter->bytes;
    if (!list_empty(&turn->waiters))
        return;
    list_remove(&turn->node);
    idmap_set(&q->by_app, turn->app, NULL);
    free(turn);
}

void accept_queue_take(struct accept_queue *q, struct accept_waiter *waiter)
{
    struct accept_turn *turn = waiter->turn;

    list_remove(&turn->node);
    list_push(&q->turns, &turn->node);
    accept_queue_remove(q, waiter);
}
