/* What a connection sends, before h2o sees it. h2o keeps a request's body in memory and asks only then who sends it,
 * so heads are judged here as soon as they are whole: a large body without a key, or of one that is over its rate, is
 * read and not kept, one with a key counts against the bytes that bodies may have together, and for one beyond these the answer is made of the
 * head alone. Of a body that is not kept h2o never knows: its answer comes when all of it has come, and the
 * connection lives on. */
#ifndef API_INTAKE_H
#define API_INTAKE_H

#include "api.h"
#include "framing.h"

struct intake {
    struct api *api;
    enum { INTAKE_HEAD, INTAKE_BODY, INTAKE_DROP } state;
    bool begun;  /* h2o has seen this head already, whole */
    bool judged; /* so have we, and `framing` is what it says */
    struct framing framing;
    size_t seen;         /* bytes in which the head does not end */
    size_t head;         /* its size */
    int64_t left;        /* bytes that are to be dropped */
    int64_t bytes;       /* of its body that count */
    int64_t max;         /* a body of unknown length may have so many */
    enum body_kind kind; /* among which they count */
    struct id key;       /* whose they are */
    bool last; /* what follows the head is not read: the connection ends with the answer */
    bool full; /* the body is not kept since there is no room for it */
    bool over; /* it is not kept since its key has asked too often */
};

enum intake_step {
    INTAKE_WAIT,    /* nothing for h2o yet */
    INTAKE_PASS,    /* h2o may go on */
    INTAKE_HANG_UP, /* what is refused has been begun to be read: no answer fits */
};

/* Bytes that bodies of a kind may have together, of a thread. */
int64_t intake_bytes_max(const struct settings *settings, enum body_kind kind);

void intake_init(struct intake *intake, struct api *api);

/* Bytes came. `bytes` is all that has come of this request; it is changed in place, and `*size` with it. */
enum intake_step intake_read(struct intake *intake, char *bytes, size_t *size);

/* The request in `input` is whole. A head that was there before it could be read here is judged now, too late for its
 * body. */
void intake_judge(struct intake *intake, struct str input);

/* Nobody reads its body any more: it counts no more. */
void intake_release(struct intake *intake);

/* The request has ended, or the connection: another head comes, or nothing. */
void intake_next(struct intake *intake);

#endif
