/* Notices: what an app is told of its own endpoints, as events of types that begin with "posthorn.". */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

#include "base/buf.h"
#include "base/id.h"

/* The numbers of the column (migrations/0028_notices.sql). */
enum notice_kind {
    NOTICE_FAILING = 0,   /* GATE_FAILURES attempts have failed since the last success */
    NOTICE_DISABLED = 1,  /* by the service itself */
    NOTICE_RECOVERED = 2, /* it takes events again */
    NOTICE_EXHAUSTED = 3, /* a delivery has failed for good */
};

#define NOTICE_KINDS 4
extern const char *const notice_types[NOTICE_KINDS];

/* Facts; those that a kind does not tell are left out of its data. */
struct notice {
    enum notice_kind kind;
    struct id app, webhook;
    struct str url;     /* the webhook's: it is masked */
    int64_t failures;   /* since the last success */
    int64_t failing_ms; /* when the first of those was; 0: not known */
    int error;          /* enum attempt_error */
    int64_t code;       /* of the last answer; 0: none */
    int reason;         /* enum webhook_disabled_reason */
    struct id delivery; /* the first that failed for good */
    struct id event;    /* that one's */
    struct str event_type;
    int64_t attempts, count; /* of it; how many failed like that, with it, in the last seconds */
};

/* Appends the event's data, a JSON object. */
void notice_write(struct buf *out, const struct notice *notice);

#endif
