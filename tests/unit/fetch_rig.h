/* What the tests of the fetcher stand on: servers on threads and loopback ports of their own, each
 * behaving as a function says, and a fetcher on a loop with a name server beside it. */
#ifndef TESTS_FETCH_RIG_H
#define TESTS_FETCH_RIG_H

#include "base/str.h"
#include "io/fetch.h"
#include "io/loop_uv.h"

/* --- servers ---------------------------------------------------------------------------------- */

struct server;

/* One accepted connection, on a thread of its own. */
struct peer {
    struct server *server;
    int fd;
    void *tls;
};

typedef void peer_cb(struct peer *peer);

enum cert { CERT_NONE, CERT_GOOD, CERT_EXPIRED };

struct server *server_start(peer_cb *serve);
struct server *server_start_v6(peer_cb *serve);                  /* on ::1 */
struct server *server_start_tls(peer_cb *serve, enum cert cert); /* for name.test */
/* With a good certificate of this common name, and these alternative ones (NULL: none). */
struct server *server_start_named(peer_cb *serve, const char *name, const char *san);
void server_stop(struct server *server);
int server_port(const struct server *server);
int server_connections(const struct server *server);
int server_requests(const struct server *server);
int server_resumed(
    const struct server *server); /* connections whose TLS session was an earlier one's */
const char *server_last(struct server *server);    /* the last request, whole */
const char *server_ca_file(struct server *server); /* that its certificate verifies with */

bool peer_read(struct peer *peer); /* one request; false at the end */
bool peer_write(struct peer *peer, const char *text);
bool peer_write_n(struct peer *peer, const char *bytes, size_t n);
bool peer_stopping(const struct peer *peer);
void peer_reset(struct peer *peer); /* the connection ends with RST */

/* --- the client ------------------------------------------------------------------------------- */

struct outcome {
    int calls;
    enum fetch_outcome outcome;
    int status;
    char error[256], address[64];
    char head[FETCH_HEAD_MAX + 1], body[FETCH_BODY_MAX + 1];
    size_t head_n, body_n;
    bool body_cut;
    int64_t dns_us, connect_us, tls_us, first_byte_us, total_us;

    void (*then)(struct outcome *outcome); /* called in the callback */
    void *arg;
};

struct rig {
    struct loop *loop;
    struct fetcher *fetcher;
    struct dns_server *names;
    bool v6;                     /* the guard allows ::1 */
    bool strict;                 /* the guard refuses loopback too */
    int guard_calls;             /* since the start */
    struct id owner;             /* of the requests that follow */
    const struct fetch_tls *tls; /* likewise */
    int refuse_call;             /* the one that the guard refuses whatever the address; 0: none */
};

int rig_set_up(void **state);
int rig_tear_down(void **state);
void rig_renew(struct rig *rig, int connections_max); /* another fetcher */
void rig_trust(struct rig *rig, const char *ca_file); /* another one, with these certificates */

/* Loopback names: name.test, other.test and deep.name.test are 127.0.0.1, inside.test is 10.0.0.1, mixed.test is
 * public and 10.0.0.1, mapped.test is ::ffff:127.0.0.1, two.test is 127.0.0.2 and 127.0.0.1,
 * six.test is ::1, flip.test is 127.0.0.1 and 10.0.0.1 in turns, silent.test is never answered. */
void rig_url(char out[128], const char *scheme, const char *host, int port);

struct fetch *rig_start(struct rig *rig, const char *url, const char *head, const char *body,
                        int64_t timeout_ms, struct outcome *outcome);
void rig_wait(struct rig *rig, const struct outcome *outcome, int calls);
void rig_idle(struct rig *rig, int ms); /* lets the loop run */

/* POST "{}" to http://host:port/secret?token=1 and wait. */
void rig_post(struct rig *rig, const char *host, int port, int64_t timeout_ms,
              struct outcome *outcome);

#endif
