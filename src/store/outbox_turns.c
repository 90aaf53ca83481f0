/* A ring of apps, each with its chain of slots in one array, so that a single app's entries cost what a plain ring's
 * would. */
#include "outbox_turns.h"

#include "base/fair.h"

#include <stdlib.h>

#define ROOM_FIRST 64
#define ROOM_KEPT  4096 /* a larger array is freed when empty */
#define NO_SLOT    UINT32_MAX

struct outbox_slot {
    struct outbox_entry entry;
    uint32_t next; /* of its app, or free; or NO_SLOT */
};

/* An app that has something waiting. */
struct turn {
    struct list node;
    struct id app;
    size_t count;
    uint32_t first, last;
};

void outbox_turns_init(struct outbox_turns *t, size_t max)
{
    assert(max < NO_SLOT);
    *t = (struct outbox_turns){.max = max, .free = NO_SLOT};
    list_init(&t->turns);
}

void outbox_turns_fini(struct outbox_turns *t)
{
    struct list *node;

    while ((node = list_pop(&t->turns)) != NULL)
        free(CONTAINER_OF(node, struct turn, node));
    idmap_fini(&t->by_app);
    free(t->slots);
}

static uint32_t slot_take(struct outbox_turns *t)
{
    uint32_t slot = t->free;

    if (slot != NO_SLOT) {
        t->free = t->slots[slot].next;
        return slot;
    }
    if (t->used == t->room) {
        t->room = t->room > 0 ? t->room * 2 : ROOM_FIRST;
        t->slots = xrealloc(t->slots, t->room * sizeof *t->slots);
    }
    return (uint32_t)t->used++;
}

static void slot_give_back(struct outbox_turns *t, uint32_t slot)
{
    t->slots[slot].next = t->free;
    t->free = slot;
    if (t->count > 0)
        return;
    t->used = 0;
    t->free = NO_SLOT;
    if (t->room > ROOM_KEPT) {
        free(t->slots);
        t->slots = NULL;
        t->room = 0;
    }
}

static struct turn *turn_create(struct outbox_turns *t, struct id app)
{
    struct turn *turn = xcalloc(1, sizeof *turn);

    turn->app = app;
    list_push(&t->turns, &turn->node);
    idmap_set(&t->by_app, app, turn);
    return turn;
}

static void turn_destroy(struct outbox_turns *t, struct turn *turn)
{
    list_remove(&turn->node);
    idmap_set(&t->by_app, turn->app, NULL);
    free(turn);
}

bool outbox_turns_push(struct outbox_turns *t, const struct outbox_entry *entry)
{
    struct turn *turn = idmap_get(&t->by_app, entry->ref.app);

    if (!fair_fits(t->max, t->count, turn != NULL ? turn->count : 0, 1))
        return false;
    if (turn == NULL)
        turn = turn_create(t, entry->ref.app);
    uint32_t slot = slot_take(t);
    t->slots[slot] = (struct outbox_slot){*entry, NO_SLOT};
    if (turn->count == 0)
        turn->first = slot;
    else
        t->slots[turn->last].next = slot;
    turn->last = slot;
    turn->count++;
    t->count++;
    return true;
}

void outbox_turns_take(struct outbox_turns *t, struct outbox_entry *entry)
{
    assert(!list_empty(&t->turns));
    struct turn *turn = CONTAINER_OF(t->turns.next, struct turn, node);
    uint32_t slot = turn->first;

    *entry = t->slots[slot].entry;
    turn->first = t->slots[slot].next;
    t->count--;
    slot_give_back(t, slot);
    if (--turn->count == 0) {
        turn_destroy(t, turn);
        return;
    }
    list_remove(&turn->node);
    list_push(&t->turns, &turn->node);
}
