/* Clients that are not there any more, or do not take what they asked for. h2o 2.2.5 does not look at a connection
 * while its request waits, and waits for ever for one that reads a byte now and then. */
#ifndef API_ABSENCE_H
#define API_ABSENCE_H

#include "api.h"

struct absence;
struct call;

/* The client of a call that waits for rows has closed its side of the connection: end it. */
typedef void absence_cb(struct call *call);

struct absence *absence_create(struct api *api, absence_cb *on_left);
void absence_destroy(struct absence *absence); /* NULL is fine */

/* There is a call now that waits for rows, or whose large answer is on its way: the first is ended when its client
 * has closed its side of the connection, the second when it was not taken in time. */
void absence_watch(struct absence *absence);

#endif
