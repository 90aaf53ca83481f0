/* Shared by the files of the fetcher.
 *
 * fetch.c moves a fetch through its states; fetch_curl.c is libcurl on the loop, with the guard;
 * fetch_head.c makes the request's header lines; fetch_result.c takes in the response and says what
 * became of it. */
#ifndef IO_FETCH_INTERNAL_H
#define IO_FETCH_INTERNAL_H

#include "base/buf.h"
#include "base/list.h"
#include "io/fetch.h"

#include <curl/curl.h>

#define FETCH_ADDRESSES_MAX 3     /* tried one after another */
#define FETCH_LINES_MAX     64    /* header lines of a request, ours included */
#define FETCH_LINES_SIZE    65536 /* bytes of them */
#define FETCH_HEAD_READ_MAX 65536 /* read of a response's heads and trailers before it is cut */
#define FETCH_BODY_READ_MAX 65536 /* read of its body */
#define FETCH_DNS_MS        5000
#define FETCH_CONNECT_MS    5000 /* for an address that is not the last to try */
#define FETCH_ERROR_SIZE    512

enum fetch_state { FETCH_IDLE, FETCH_RESOLVING, FETCH_QUEUED, FETCH_SENDING, FETCH_ENDED };

/* What fetch_curl.c tells fetch.c. */
struct fetch_hooks {
    /* libcurl is done with it. */
    void (*on_done)(struct fetch *fetch, CURLcode code);

    /* Those of a turn are done with. The last thing: the fetcher may be destroyed in it. */
    void (*on_turn)(struct fetcher *fetcher);
};

struct fetcher {
    struct loop *loop;
    struct fetcher_config config;
    struct dns *dns;
    CURLM *multi;
    const struct fetch_hooks *hooks;
    struct timeout *wake;    /* when libcurl wants to be called */
    struct timeout *turn;    /* when `ended` is to be delivered or `queued` looked at */
    struct list active;      /* being resolved or sent */
    struct list queued;      /* waiting for a connection to be free */
    struct list ended;       /* the callback comes next */
    struct list delivering;  /* those of `ended` whose turn it is */
    struct list idle;        /* fetches to use again */
    int idle_count, sending; /* `sending` are in the multi */
    bool closing;
};

/* The response as it comes in. */
struct fetch_response {
    struct buf head, body;
    size_t head_seen, body_seen;
    int status;
    bool in_head;
    bool complete;   /* the head of the final response has ended */
    const char *bad; /* why it was cut, when the response is to blame */
};

struct fetch {
    struct list node;
    struct fetcher *fetcher;
    enum fetch_state state;
    fetch_cb *cb;
    void *arg;
    struct fetch_request request;
    struct timeout *deadline;
    int64_t start_us, dns_us;
    int64_t granted_ms; /* beyond its timeout_ms, since we stood still */

    char host[256];
    uint16_t port;
    struct dns_op *dns;
    struct sockaddr_storage addresses[FETCH_ADDRESSES_MAX];
    size_t address_count, address_at;

    CURL *easy;
    char pin_text[80];
    struct curl_slist pin;
    struct buf line_bytes;
    struct curl_slist lines[FETCH_LINES_MAX];
    int requests;       /* that libcurl began for this one; more than one is a hidden resend */
    bool resent;        /* and was stopped */
    bool late;          /* its time was over before there was a connection to send on */
    int socket_errno;   /* why socket() failed */
    char forbidden[64]; /* the address that the guard refused at connect */
    char curl_error[CURL_ERROR_SIZE];

    struct fetch_response response;
    char error[FETCH_ERROR_SIZE];
    struct fetch_result result;
};

/* --- fetch_curl.c ----------------------------------------------------------------------------- */

CURLM *fetch_multi_create(struct fetcher *fetcher);
CURL *fetch_easy_create(struct fetch *fetch);

/* Starts sending to addresses[address_at]; stops, and closes the connection unless it was done. */
void fetch_attach(struct fetch *fetch);
void fetch_detach(struct fetch *fetch);

void fetcher_on_wake(void *arg);

/* --- fetch_head.c ----------------------------------------------------------------------------- */

/* Fills `lines`; false if the request's head is malformed. */
bool fetch_lines_build(struct fetch *fetch);

/* --- fetch_result.c --------------------------------------------------------------------------- */

size_t fetch_on_header(char *p, size_t size, size_t n, void *arg);
size_t fetch_on_body(char *p, size_t size, size_t n, void *arg);

/* Until its deadline; ≤ 0: it is over. */
int64_t fetch_left_ms(const struct fetch *fetch);

/* When it is over, by so much that it was this process that stood still, its time begins again, once: the
 * receiver may not even have the request. False if it does not. */
bool fetch_grant(struct fetch *fetch);

/* "192.0.2.1:443", "[2001:db8::1]:443"; without the port when it is 0. */
void fetch_address_text(char out[64], const struct sockaddr *address, uint16_t port);

/* What libcurl's code means. */
enum fetch_outcome fetch_outcome_of(const struct fetch *fetch, CURLcode code);

/* Fills in the result: times, response, and the error's text. */
void fetch_conclude(struct fetch *fetch, enum fetch_outcome outcome, CURLcode code);
void fetch_conclude_with(struct fetch *fetch, enum fetch_outcome outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
