/* Answers that go on: server-sent events out of the ledger. It is asked for one of them at a time, each at most a few
 * times a second, and in all for a quarter of the time, so that who listens costs others little however many they are. */
#ifndef API_STREAMS_H
#define API_STREAMS_H

#include "call.h"

#define STREAM_TYPE    "text/event-stream"
#define STREAM_OUT_MAX ((size_t)16 << 20) /* bytes that are made and not taken yet */

struct streams;
struct stream;

/* Asks the ledger what is next: starts a statement, which is call->op, and whose callback ends with stream_asked(). */
typedef void stream_ask(struct stream *stream);

/* In the request's pool. */
struct stream {
    struct call *call;
    stream_ask *ask;
    struct list node; /* in streams.all */
    struct buf out;   /* what is sent, and not taken yet */
    bool writing, asking, at_once;
    uint32_t heard; /* of what has happened to its app */
    int64_t asked_ms, sent_ms, looked_ms;
};

struct streams *streams_create(struct api *api);
void streams_destroy(struct streams *streams); /* NULL is fine */

/* Begins the answer, and asks from then on; or replies that there are too many. */
void stream_start(struct call *call, struct stream *stream, stream_ask *ask);

/* What was asked for is in `out`, which is sent if there is anything. `more`: it is worth asking again at once. False:
 * the answers on their way have too many bytes already; it is not sent. */
bool stream_asked(struct stream *stream, bool more) MUST_CHECK;

/* Ends it with an event that says why. */
void stream_end(struct stream *stream, const char *reason);

#endif
