/* The URL of a PostgreSQL server, by libpq's parser. */
#include "io/db.h"

#include "base/err.h"

#include <libpq-fe.h>

/* A comma list, one for each host or one for all; an empty one stands for the standard port. */
static bool are_ports(const char *text)
{
    struct str list = str_of(text), piece;
    int64_t port;

    while (str_next(&list, ',', &piece))
        if (piece.n > 0 && !str_to_i64(piece, 1, 65535, &port))
            return false;
    return true;
}

int db_check_url(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    int err = options != NULL ? 0 : ERR_INVALID;

    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        if (strcmp(o->keyword, "port") == 0 && o->val != NULL && !are_ports(o->val))
            err = ERR_INVALID;
    PQconninfoFree(options);
    return err;
}
