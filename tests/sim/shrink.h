/* Makes a run that failed smaller. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "world.h"

/* Leaves out of the seed's plan whatever it fails without, in the same way, and shows what is left as a timeline. */
void shrink(uint64_t seed, const char *found);

#endif
