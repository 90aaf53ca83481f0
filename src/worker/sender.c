/* Groups of claims become sendings. */
#include "sender.h"

#include <stdlib.h>

#define GATHER_MS 10

static void hand_back(void *arg);

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
        .dns = {.lookups_max = (int)settings->config.dns_lookups,
                .per_owner = (int)settings->config.dns_lookups_per_app},
        .ca_file = settings->config.ca_file[0] != '\0' ? settings->config.ca_file : NULL,
        .proxy = settings->egress_proxy.host[0] != '\0' ? &settings->egress_proxy : NULL,
        .connections_max = 2 * (int)settings->config.worker_in_flight, /* idle ones too */
    };

    *sender = (struct sender){.settings = settings, .places = places, .hooks = *hooks};
    list_init(&sender->under_way);
    list_init(&sender->left);
    sender->back = timeout_create(loop, hand_back, sender);
    sender->fetcher = fetcher_create(loop, &config);
    grants_init(&sender->grants, sender->fetcher);
}

void sender_give_up(struct sender *sender)
{
    struct list *node;

    list_move_all(&sender->under_way, &sender->left);
    timeout_clear(sender->back);
    while ((node = list_pop(&sender->under_way)) != NULL)
        sending_destroy(CONTAINER_OF(node, struct sending, node));
}

void sender_fini(struct sender *sender)
{
    sender_give_up(sender);
    timeout_destroy(sender->back);
    grants_fini(&sender->grants);
    fetcher_destroy(sender->fetcher);
}

bool sender_idle(const struct sender *sender)
{
    return list_empty(&sender->under_way) && list_empty(&sender->left);
}

static void hand_over(struct sender *sender, struct sending *s)
{
    struct list ended, *node;

    list_init(&ended);
    list_move_all(&ended, &s->attempts);
    while ((node = list_pop(&ended)) != NULL)
        sender->hooks.on_ended(sender->hooks.arg, CONTAINER_OF(node, struct attempt, node));
}

static void weigh(const struct sender *sender, const struct sending *s)
{
    places_weigh(sender->places, s->slot.delivery, sending_bytes(s));
}

/* Takes the sendings of `left` that were claimed with `token`; how many deliveries they have. */
static size_t take_claim(struct list *left, int64_t token, struct list *taken)
{
    size_t count = 0;

    LIST_FOREACH_SAFE(node, left)
    {
        struct sending *s = CONTAINER_OF(node, struct sending, node);
        if (s->teller->finish.token != token)
            continue;
        list_remove(node);
        list_push(taken, node);
        count += s->count + s->borrows;
    }
    return count;
}

/* Nobody was asked for anything: they go another time, and this was no attempt. Those of a claim go together, for
 * they are many when there are any. */
static void hand_back(void *arg)
{
    struct sender *sender = arg;

    while (!list_empty(&sender->left)) {
        const struct sending *first = CONTAINER_OF(sender->left.next, struct sending, node);
        int64_t token = first->teller->finish.token;
        struct list taken;
        list_init(&taken);
        struct queue_ref *refs = xcalloc(take_claim(&sender->left, token, &taken), sizeof *refs);
        size_t n = 0;
        for (struct list *node; (node = list_pop(&taken)) != NULL;) {
            struct sending *s = CONTAINER_OF(node, struct sending, node);
            LIST_FOREACH(at, &s->attempts)
            refs[n++] = CONTAINER_OF(at, struct attempt, node)->ref;
            if (s->borrows)
                refs[n++] = s->slot;
            sending_destroy(s);
        }
        sender->hooks.on_left(sender->hooks.arg, refs, n, token);
        free(refs);
    }
}

/* What is kept of it is all that it weighs from now on. */
static void on_sent(void *arg, struct sending *s)
{
    struct sender *sender = arg;

    list_remove(&s->node);
    if (!s->left) {
        weigh(sender, s);
        hand_over(sender, s);
        return;
    }
    list_push(&sender->left, &s->node);
    if (!timeout_is_set(sender->back))
        timeout_set(sender->back, GATHER_MS + s->pause_ms);
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

/* The queue has one of `claims` in flight. Where that is not among those that go, its slot stays taken as long as they
 * are under way, or another request would begin meanwhile. */
static void find_slot(struct sending *s, const struct claim *const *claims, size_t count)
{
    size_t i = 0;

    while (i < count && claims[i]->along)
        i++;
    s->borrows = i >= s->count && i < count;
    if (s->borrows)
        s->slot = claims[i]->ref;
}

static void give_back(struct sender *sender, const struct claim *const *claims, size_t count,
                      const struct sending *s)
{
    struct queue_ref *refs = xcalloc(count, sizeof *refs);
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (!id_eq(claims[i]->ref.delivery, s->slot.delivery))
            refs[n++] = claims[i]->ref;
    sender->hooks.on_left(sender->hooks.arg, refs, n, s->teller->finish.token);
    free(refs);
}

/* A sending for the first of `claims`, and for those that its profile takes with it. The others are given
 * back: they go when this one has ended, if the gate lets them. */
static void send_some(struct sender *sender, const struct claim *const *claims, size_t count,
                      int64_t token, struct payload *payload)
{
    size_t most = (size_t)claims[0]->batch_max < count ? (size_t)claims[0]->batch_max : count;
    struct sending *s =
        sending_create(sender->settings, claims, most > 0 ? most : 1, token, payload);
    size_t taken = s->count;
    bool ended = sending_has_ended(s);

    if (!ended)
        find_slot(s, claims, count);
    weigh(sender, s);
    if (taken < count)
        give_back(sender, claims + taken, count - taken, s);
    if (ended) {
        hand_over(sender, s);
    } else {
        list_push(&sender->under_way, &s->node);
        sending_start(s, sender->fetcher, &sender->grants, on_sent, sender);
    }
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

void sender_send(struct sender *sender, const struct claim *claims, size_t count, int64_t token,
                 struct payload *payload)
{
    const struct claim **sorted = xcalloc(count, sizeof *sorted);
    size_t n;

    for (size_t i = 0; i < count; i++)
        sorted[i] = &claims[i];
    qsort(sorted, count, sizeof *sorted, by_webhook);
    for (size_t i = 0; i < count; i += n) {
        n = group(sender->settings, sorted + i, count - i);
        send_some(sender, sorted + i, n, token, payload);
    }
    free(sorted);
}
