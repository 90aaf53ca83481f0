/* The libuv loop of a loop, for h2o, which accepts connections on libuv's handles. Everything else does
 * with loop.h. */
#ifndef IO_LOOP_UV_H
#define IO_LOOP_UV_H

#include "io/loop.h"

#include <uv.h>

uv_loop_t *loop_uv(struct loop *loop);

#endif
