/* An app's events as they come, for who follows them. Ids are made before they are stored, and what is stored late has an
 * older id than what was seen already: so it is looked at from a place on before which all has been stored, and what was
 * seen is left out by who asks. */
#ifndef STORE_EVENT_STREAMS_H
#define STORE_EVENT_STREAMS_H

#include "store/listens.h"

/* The ids behind `after`, in order, and at which moment of the ledger that was. */
struct db_op *event_streams_look(struct db *db, const struct listener_key *by, struct id after,
                                 int limit, db_cb *cb, void *arg);

struct event_look {
    bool allowed; /* the key may still do this */
    int64_t now_ms;
    /* Transactions below the first have ended; those that begin to write after this look are not below the second. */
    int64_t oldest, next;
    struct db_array ids;
};

void event_streams_read_look(const struct db_rows *rows, struct event_look *look);

/* Of these: rows of event_streams_read(), in order, without tests, what was erased and what none of `patterns` wants,
 * until they have so much data. The rows of the others have an id alone, those left out for their data none. */
#define EVENT_STREAM_BYTES "262144"
struct db_op *event_streams_get(struct db *db, struct id app, const struct id *ids, size_t count,
                                const struct str *patterns, size_t pattern_count, db_cb *cb,
                                void *arg);

struct streamed_event {
    struct id id;
    bool wanted;
    struct str type, data;
};

void event_streams_read(const struct db_rows *rows, int row, struct streamed_event *event);

extern const struct db_stmt stmt_event_stream_look, stmt_event_stream_get;

#endif
