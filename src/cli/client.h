/* Requests to the API, one after another, on a loop of their own: each function waits for its answer. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buf.h"
#include "io/fetch.h"
#include "profile.h"

struct client;

/* NULL: the profile cannot be used, and stderr says why. The profile is copied. */
struct client *client_open(const struct profile *profile, int64_t timeout_ms) MUST_CHECK;
void client_close(struct client *client); /* NULL is fine */

struct client_request {
    const char *method;
    struct str path;             /* from behind /v1, "/webhooks?limit=5"; see path_add() */
    struct str body;             /* JSON; n == 0: none */
    const char *idempotency_key; /* NULL: none */
    struct str head;             /* more header lines, each ending with CRLF */
    int64_t timeout_ms;          /* 0: the client's */

    /* As of struct fetch_request, with client_request.arg. */
    bool (*on_data)(void *arg, struct str data);
    void *arg;
};

#define ANSWER_MAX ((size_t)32 << 20) /* bytes of an answer's body */

struct answer {
    enum fetch_outcome outcome;
    const char *error; /* in plain words, unless FETCH_ANSWERED */
    int status;
    struct str head, body;
    bool cut;         /* the body did not come to its end */
    bool is_json;     /* the body is JSON, whole and valid */
    bool interrupted; /* by client_watch_signals(): nothing else here is set */
    char address[64]; /* that was asked, "" if none */
};

/* Asks. The answer is lent until the client's next request. */
void client_try(struct client *client, const struct client_request *request, struct answer *answer);

/* Asks, and judges the answer (answer.h): 0 and its body, or an enum status, with everything said. */
int client_call(struct client *client, const struct client_request *request,
                struct str *body) MUST_CHECK;

/* From now on Ctrl-C and SIGTERM end what is waited for, and set `interrupted`. A second one ends the process. */
void client_watch_signals(struct client *client);

/* Waits. False: interrupted. */
bool client_pause(struct client *client, int64_t ms);

/* What it stands on, for who does more than one thing at a time: a fetcher of its own, say, in an on_data. */
struct loop *client_loop(struct client *client);
const struct profile *client_profile(const struct client *client);

/* Likewise: what a request of theirs is made of. */
void client_add_url(const struct client *client, struct str path, struct buf *url);
void client_add_head(const struct client *client, struct buf *head);

/* Appends `text` with what has a meaning in a URL percent-encoded. */
void path_add(struct buf *path, struct str text);

/* Appends "?name=value", or with & where there is a ? already. */
void path_query(struct buf *path, const char *name, struct str value);

#endif
