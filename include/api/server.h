/* The REST API: one thread, one loop, its own listener on the same port (SO_REUSEPORT). */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "core/settings.h"

#include <stdio.h>

struct rates;
struct server;

/* NULL, and a line in the log, when it cannot listen. `rates` is of all servers of the process, and outlives them. */
struct server *server_create(const struct settings *settings, struct rates *rates);

/* Serves until server_stop(); then answers what is under way, at most 20 s, and returns. */
void server_run(struct server *server);

/* From any thread. */
void server_stop(struct server *server);

void server_destroy(struct server *server); /* NULL is fine */

/* METHOD PATH SCOPE, a line each, and "portal" if portal tokens may ask for it. */
void routes_print(FILE *out);

#endif
