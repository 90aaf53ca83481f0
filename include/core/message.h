/* A message to a receiver: what is sealed is opened, the profile renders, the webhook's own headers
 * are added, and what was opened is forgotten. */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "base/buf.h"
#include "base/id.h"
#include "core/body.h"
#include "core/grant.h"
#include "core/tls_settings.h"

struct settings;

#define MESSAGE_EVENTS_MAX 1000

/* To whom: what is in force for a webhook. Borrowed. */
struct recipient {
    struct id webhook;
    struct str url, profile, options; /* the last is JSON */
    struct str sealed_secret, sealed_previous, sealed_headers, sealed_auth,
        sealed_tls; /* n == 0: none */
};

/* What: an event on its way to one webhook. Borrowed. */
struct content {
    struct id event;
    bool test;
    struct str type;
    struct str data; /* JSON, as posted */
    struct id delivery;
    int attempt;    /* 1: the first */
    int64_t due_ms; /* when this attempt was, wall clock */
};

struct message {
    struct buf url;    /* that is really called */
    struct buf head;   /* lines, each ending with CRLF, without Host and Content-Length */
    struct buf masked; /* the same as history may keep it: secrets, own headers and `auth` as *** */
    struct buf body;   /* its own; see message_body() */
    struct body *lent; /* by those of its event, where it is one of them; else NULL */
    struct body_mark mark;   /* of the body, also when that is gone */
    struct tls_settings tls; /* all empty: none */
    struct buf tls_text;     /* where those are */
    struct buf fault;        /* why there is none, where that names a value */
    struct grant grant; /* of the token that the request is to carry in the header Authorization */
};

void message_init(struct message *message);
void message_fini(struct message *message);

struct str message_body(const struct message *message);

/* The body is not needed any more. */
void message_forget_body(struct message *message);

/* When it was sent: of what it took to send it, but for the head, nothing is left. */
void message_forget_access(struct message *message);

/* May several events of this recipient go in one message? Tests never do. */
bool message_takes_many(const struct settings *settings, const struct recipient *to);

/* Makes the message of the first of `contents`, or of as many as the recipient's profile puts into
 * one; returns how many. A body that is not an attempt's own is one of `bodies`, which stay longer than the message, and
 * are of this one event; NULL: there are none. `now_ms` is the wall clock's. ERR_INVALID, and why in words, when the
 * profile cannot say the first event, with the pointer to its value, where there is one at fault (the text stays with the message); ERR_NOT_FOUND when the URL is none of the profile's service; ERR_INTERNAL
 * when the recipient is not as it should be: its secrets cannot be opened, or options are another profile's. */
int message_make(struct message *message, const struct settings *settings,
                 const struct recipient *to, const struct content *const *contents, size_t count,
                 int64_t now_ms, struct bodies *bodies, const char **why) MUST_CHECK;

/* The same, for one who may look and not sign: the webhook's secret takes no part, and in `masked` what it would
 * have made is ***. Only `url`, `masked` and `body` mean anything. */
int message_show(struct message *message, const struct settings *settings,
                 const struct recipient *to, const struct content *const *contents, size_t count,
                 int64_t now_ms, const char **why) MUST_CHECK;

#endif
