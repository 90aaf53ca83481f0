/* A PostgreSQL of the test's own: a fresh cluster in a temporary folder, on a Unix socket there, as
 * user postgres when the test runs as root, stopped by its pid. */
#ifndef TESTS_POSTGRES_SERVER_H
#define TESTS_POSTGRES_SERVER_H

#include <sys/types.h>

struct dbsync;

struct postgres_server {
    char folder[64], url[160]; /* the url's database is `postgres` */
    pid_t pid;
};

/* Back when it answers. */
void postgres_server_start(struct postgres_server *server);

/* schema_migrate(), without what it says on stdout, where the results of tests go. */
int postgres_server_migrate(struct dbsync *db);

/* Stops it and removes its folder. */
void postgres_server_stop(struct postgres_server *server);

#endif
