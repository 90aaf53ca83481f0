/* One route: a row of the table in routes.c. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#define PARAMS_MAX 2
#define QUERY_MAX  11

#include <stdbool.h>

struct call;

/* Parses what the call asks for and starts a statement, or replies. Its callbacks decode and reply. */
typedef void route_handler(struct call *call);

/* How answers look, and where the tenant is named. */
enum route_shape {
    SHAPE_NATIVE,
    SHAPE_AUTHON, /* {success, data} or {success, message}; the tenant is the path's first parameter */
};

#define SCOPE_OPEN (-1)

struct route {
    const char *method, *path; /* "{id}" stands for one segment */
    int scope;                 /* enum key_scope, or SCOPE_OPEN */
    route_handler *handler;
    const char *query[QUERY_MAX + 1]; /* the parameters it takes; ends with NULL */
    enum route_shape shape;
    bool portal; /* portal tokens too, with that scope */
};

#endif
