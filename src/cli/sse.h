/* Server-sent events, as they come in pieces (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include "base/buf.h"

#define SSE_MAX ((size_t)20 << 20) /* bytes of an event */

/* An event with data. `name` is "message" where none was said; `id` the last that was. */
typedef void sse_cb(void *arg, struct str name, struct str id, struct str data);

struct sse {
    sse_cb *cb;
    void *arg;
    struct buf line, name, id, data;
    bool heard; /* anything, since it was cleared */
};

void sse_init(struct sse *sse, sse_cb *cb, void *arg);
void sse_fini(struct sse *sse);

/* Another connection begins: what was not complete is dropped; the id stays. */
void sse_clear(struct sse *sse);

/* False: an event is too long. */
bool sse_read(struct sse *sse, struct str bytes) MUST_CHECK;

#endif
