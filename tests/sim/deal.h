/* Work in many pieces for several processes, each of which takes the next when it is free. */
#ifndef SIM_DEAL_H
#define SIM_DEAL_H

#include "base/defs.h"

/* Zeroed memory that the processes of a deal share; it stays. */
void *deal_memory(size_t bytes);

/* Calls work(arg) in so many processes, or, if that is one, here. False: one of them came to no good end. */
bool deal(int processes, void (*work)(void *arg), void *arg);

#endif
