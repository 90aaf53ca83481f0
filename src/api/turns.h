/* Turns for what keeps the loop for long, as rendering a large message does: one call has it at a time, the apps one
 * after the other, and in between the loop is everybody else's for as long as it took. */
#ifndef API_TURNS_H
#define API_TURNS_H

#include "accept_queue.h"
#include "call.h"

struct turns;

/* What renders more data than this waits for its turn. */
#define TURNS_BYTES 16384

/* In a call's state; zeroed before. */
struct turn {
    struct accept_waiter waiter;
    struct turns *turns;
    struct call *call;
    void (*cb)(struct call *call);
};

struct turns *turns_create(struct loop *loop);

/* No call waits, or has the turn. */
void turns_destroy(struct turns *turns);

/* Calls back when it is the call's turn. Until turn_leave() it waits by call_wait(), whose end ends this too. */
void turns_wait(struct turns *turns, struct turn *turn, struct call *call,
                void (*cb)(struct call *call));

/* It has the turn. */
bool turn_is_held(const struct turn *turn);

/* Others may, from the next time on that the loop has looked for what came: call it before the work and not after. If
 * the turn is not held, nothing happens. */
void turn_leave(struct turn *turn);

#endif
