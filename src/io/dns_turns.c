/* Who may look a name up now. Lookups that nobody answers take seconds each; an owner whose names are like that waits
 * for itself, and the others take turns. */
#include "dns_internal.h"

#include "base/metrics.h"

#include <stdlib.h>

/* Of an owner that looks up or waits. */
struct dns_share {
    struct list node; /* in the order of turns, while `waiting` is not empty */
    struct id owner;
    struct list waiting;
    int looking;
};

void dns_turns_init(struct dns_turns *turns, int max, int per_owner)
{
    *turns = (struct dns_turns){.max = max, .per_owner = per_owner};
    list_init(&turns->order);
}

static struct dns_share *share_of(struct dns_turns *turns, struct id owner)
{
    struct dns_share *share = idmap_get(&turns->shares, owner);

    if (share != NULL)
        return share;
    share = xcalloc(1, sizeof *share);
    share->owner = owner;
    list_init(&share->node);
    list_init(&share->waiting);
    idmap_set(&turns->shares, owner, share);
    return share;
}

static void tidy(struct dns_turns *turns, struct dns_share *share)
{
    if (list_empty(&share->waiting))
        list_remove(&share->node);
    if (share->looking > 0 || !list_empty(&share->waiting))
        return;
    idmap_set(&turns->shares, share->owner, NULL);
    free(share);
}

void dns_turns_fini(struct dns_turns *turns)
{
    for (const struct idmap_slot *s = NULL; (s = idmap_next(&turns->shares, s)) != NULL;)
        free(s->value);
    idmap_fini(&turns->shares);
}

static bool has_room(const struct dns_turns *turns, const struct dns_share *share)
{
    return turns->looking < turns->max && share->looking < turns->per_owner;
}

bool dns_turns_take(struct dns_turns *turns, struct id owner)
{
    struct dns_share *share = share_of(turns, owner);

    if (!list_empty(&share->waiting) || !has_room(turns, share))
        return false;
    share->looking++;
    turns->looking++;
    return true;
}

void dns_turns_give_back(struct dns_turns *turns, struct id owner)
{
    struct dns_share *share = share_of(turns, owner);

    assert(share->looking > 0);
    share->looking--;
    turns->looking--;
    tidy(turns, share);
}

void dns_turns_wait(struct dns_turns *turns, struct id owner, struct list *node)
{
    struct dns_share *share = share_of(turns, owner);

    if (list_empty(&share->node))
        list_push(&turns->order, &share->node);
    list_push(&share->waiting, node);
    metric_add(METRIC_WAITING_LOOKUPS, 1);
    metric_add(share->looking < turns->per_owner ? METRIC_LOOKUPS_MET : METRIC_LOOKUPS_PER_APP_MET,
               1);
}

void dns_turns_leave(struct dns_turns *turns, struct id owner, struct list *node)
{
    list_remove(node);
    metric_add(METRIC_WAITING_LOOKUPS, -1);
    tidy(turns, share_of(turns, owner));
}

struct list *dns_turns_next(struct dns_turns *turns)
{
    LIST_FOREACH(node, &turns->order)
    {
        struct dns_share *share = CONTAINER_OF(node, struct dns_share, node);
        if (!has_room(turns, share))
            continue;
        struct list *next = list_pop(&share->waiting);
        metric_add(METRIC_WAITING_LOOKUPS, -1);
        list_remove(&share->node);
        if (!list_empty(&share->waiting))
            list_push(&turns->order, &share->node);
        share->looking++;
        turns->looking++;
        return next;
    }
    return NULL;
}
