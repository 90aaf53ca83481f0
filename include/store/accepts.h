/* How many events each app had accepted, gathered for some seconds and added to the tally (store/tallies.h). What was not
 * added yet is lost with its process, and when the statement fails, which is logged: it is for people to look at. */
#ifndef STORE_ACCEPTS_H
#define STORE_ACCEPTS_H

#include "io/db.h"
#include "io/loop.h"

#define ACCEPTS_APPS_MAX 65536 /* others are not counted, which is logged */

struct accepts;

struct accepts *accepts_create(struct loop *loop, struct db *db);
void accepts_destroy(struct accepts *accepts);

void accepts_count(struct accepts *accepts, struct id app, int64_t events);

/* Adds at once what there is, and what comes. False: something is not added yet; call again. */
bool accepts_end(struct accepts *accepts);

#endif
