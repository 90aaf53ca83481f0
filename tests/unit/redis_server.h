/* A Redis of the test's own: on a Unix socket in a temporary folder, stopped by its pid. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include "wait.h"

#include <sys/types.h>

struct redis_server {
    char folder[64], socket[96], url[128];
    pid_t pid;
};

void redis_server_init(struct redis_server *server); /* a place; nothing runs yet */
void redis_server_fini(struct redis_server *server);
void redis_server_start(struct redis_server *server); /* back when it answers */
void redis_server_kill(struct redis_server *server);  /* at once */

/* One command on a connection of its own: an integer, the length of a string, the elements of an
 * array, 1 for a status, 0 for nil. Aborts on an error. */
long long redis_server_say(struct redis_server *server, const char *command);

/* The same for what hiredis formats: "%b" takes bytes and their size_t. */
long long redis_server_sayf(struct redis_server *server, const char *format, ...);

/* Commands that the server has run since its start, those of scripts too, but for PINGs, which come by the clock. */
long long redis_server_calls(struct redis_server *server);

#endif
