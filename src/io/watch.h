/* Readiness of one descriptor that somebody else owns: what libpq, hiredis, c-ares and curl need
 * from an event loop. The only user of uv_poll.
 *
 * Level-triggered. When the descriptor is in error the callback gets the events that were asked
 * for, so that the library meets the error itself. The callback may close the watch. Close the
 * watch before the descriptor. */
#ifndef IO_WATCH_H
#define IO_WATCH_H

#include "io/loop.h"

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

struct watch;
typedef void watch_cb(void *arg, int events);

struct watch *watch_open(struct loop *loop, int fd, watch_cb *cb, void *arg);
void watch_set(struct watch *watch, int events); /* 0 pauses */
void watch_close(struct watch *watch);           /* NULL is fine */

#endif
