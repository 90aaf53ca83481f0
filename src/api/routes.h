/* All routes, and the way of a call to its handler. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "call.h"

/* Finds the call's route, learns who calls, and runs the handler; or replies why not. */
void routes_dispatch(struct call *call);

#endif
