/* The listening socket, and its connections within a limit. h2o 2.2.5 notices neither a limit nor a
 * client that stops reading, so both are looked after here. */
#ifndef API_LISTENER_H
#define API_LISTENER_H

#include "core/settings.h"
#include "io/loop_uv.h"

struct listener;

/* A connection came. Who takes it closes it with `closed` as the callback. */
typedef void listener_cb(void *arg, uv_stream_t *stream, uv_close_cb closed);

/* At most `connections_max` at once: the next one waits where it is until there is room. At most `per_address` of them
 * come from one address (0: no such bound), an IPv6 address being its network of 64 bits: the next one is answered
 * with 503 and closed. */
struct listener *listener_create(struct loop *loop, int connections_max, int64_t per_address,
                                 listener_cb *cb, void *arg);

/* ERR_UNAVAILABLE, and a line in the log, when it cannot listen there. */
int listener_open(struct listener *listener, const struct listening *at) MUST_CHECK;

/* No further connections. NULL is fine. */
void listener_close(struct listener *listener);

int listener_connections(const struct listener *listener);

/* Shuts every socket, so that idle connections end too. */
void listener_hang_up(struct listener *listener);

/* Closed, and after the loop has ended. NULL is fine. */
void listener_destroy(struct listener *listener);

#endif
