/* Whether a request's head can be read in one way only: where h2o is more tolerant than a proxy in front of us, the
 * two could disagree about where a request ends, and one client's bytes become another's request (RFC 9112 §11.2). */
#ifndef API_FRAMING_H
#define API_FRAMING_H

#include "base/str.h"

struct framing {
    const char
        *fault;     /* what is wrong with it, in words; NULL: it is plain, and what follows holds */
    int64_t length; /* of the body, as announced; 0: none is */
    bool chunked, expects;    /* `expects`: the client may wait until it is told to go on */
    struct str target;        /* borrowed, as the next */
    struct str authorization; /* p == NULL: there is none */
};

/* `input` begins with a request's head as it came from the wire, and goes on with anything. */
void framing_read(struct str input, struct framing *framing);

/* Where the head ends that `input` begins with, by h2o's more tolerant reading; 0: it does not yet. An earlier call
 * has seen the first `seen` bytes. */
size_t framing_end(struct str input, size_t seen);

/* Changes the head so that to h2o no body belongs to it. */
void framing_hide_body(char *head, size_t n);

#endif
