/* Pings, on a loop of their own. */
#include "ping.h"

#include "base/crypto.h"
#include "base/header.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECTIONS_MAX 2
#define LOOKUPS_MAX     4

struct pinger {
    struct loop *loop;
    struct fetcher *fetcher;
    struct dns *dns;
    bool done;
    struct fetch *fetch;
    struct dns_op *lookup;
    struct pong *pong;
    int err;
    struct sockaddr_storage *addresses;
    size_t count;
};

/* Who asks for it means it. */
static bool any_address(void *arg, const struct sockaddr *address)
{
    (void)arg;
    (void)address;
    return true;
}

static void on_stop(void *arg)
{
    (void)arg;
}

struct pinger *pinger_open(const char *ca_file)
{
    struct pinger *pinger = xcalloc(1, sizeof *pinger);
    struct dns_config dns = {.lookups_max = LOOKUPS_MAX, .per_owner = LOOKUPS_MAX};

    pinger->loop = loop_create(on_stop, pinger);
    pinger->fetcher =
        fetcher_create(pinger->loop, &(struct fetcher_config){.guard = any_address,
                                                              .connections_max = CONNECTIONS_MAX,
                                                              .dns = dns,
                                                              .ca_file = ca_file});
    pinger->dns = dns_create(pinger->loop, &dns);
    return pinger;
}

void pinger_close(struct pinger *pinger)
{
    if (pinger == NULL)
        return;
    dns_destroy(pinger->dns);
    fetcher_destroy(pinger->fetcher);
    loop_destroy(pinger->loop);
    free(pinger);
}

static void on_result(void *arg, const struct fetch_result *result)
{
    struct pinger *pinger = arg;
    struct pong *pong = pinger->pong;

    pinger->fetch = NULL;
    pinger->done = true;
    struct str location = header_find(result->head, "Location");
    *pong = (struct pong){.outcome = result->outcome,
                          .status = result->status,
                          .dns_us = result->dns_us,
                          .connect_us = result->connect_us,
                          .tls_us = result->tls_us,
                          .first_byte_us = result->first_byte_us,
                          .total_us = result->total_us};
    memcpy(pong->address, result->address, sizeof pong->address);
    snprintf(pong->error, sizeof pong->error, "%s", result->error);
    location = str_cut(location, sizeof pong->location - 1);
    snprintf(pong->location, sizeof pong->location, "%.*s", STR_FMT(location));
}

static bool render(const struct ping *ping, struct buf *head, struct buf *body)
{
    struct profile_input in = {.event = id_new(),
                               .test = true,
                               .type = STR_LIT("test"),
                               .data = STR_LIT("{\"message\":\"This is a test ping\"}"),
                               .delivery = id_new(),
                               .attempt = 1,
                               .due_ms = ping->now_ms,
                               .now_ms = ping->now_ms,
                               .webhook = id_new(),
                               .options = ping->profile->standard,
                               .secret = ping->secret};
    struct buf masked;

    buf_init(&masked, MESSAGE_HEAD_MAX);
    bool ok = ping->profile->write_body(&in, 1, body) > 0 && !body->overflow &&
              ping->profile->write_head(&in, 1, buf_str(body), head, &masked) == 0;
    buf_fini(&masked);
    return ok;
}

bool pinger_ping(struct pinger *pinger, const struct ping *ping, struct pong *pong)
{
    struct buf head, body;

    buf_init(&head, MESSAGE_HEAD_MAX);
    buf_init(&body, MESSAGE_BODY_MAX);
    bool ok = render(ping, &head, &body);
    if (ok) {
        pinger->pong = pong;
        pinger->done = false;
        pinger->fetch = fetch_start(pinger->fetcher,
                                    &(struct fetch_request){.url = ping->url,
                                                            .head = buf_str(&head),
                                                            .body = buf_str(&body),
                                                            .timeout_ms = ping->timeout_ms},
                                    on_result, pinger);
        loop_run_until(pinger->loop, &pinger->done);
    }
    crypto_forget(&head);
    buf_fini(&body);
    return ok;
}

static void on_addresses(void *arg, int err, const struct sockaddr_storage *addresses, size_t count)
{
    struct pinger *pinger = arg;

    pinger->lookup = NULL;
    pinger->done = true;
    pinger->err = err;
    pinger->count = count < PING_ADDRESSES_MAX ? count : PING_ADDRESSES_MAX;
    if (err == 0)
        memcpy(pinger->addresses, addresses, pinger->count * sizeof *addresses);
}

int pinger_resolve(struct pinger *pinger, const char *host, int64_t timeout_ms,
                   struct sockaddr_storage addresses[PING_ADDRESSES_MAX], size_t *count)
{
    pinger->addresses = addresses;
    pinger->done = false;
    pinger->lookup = dns_start(pinger->dns, host, (struct id){0}, timeout_ms, on_addresses, pinger);
    loop_run_until(pinger->loop, &pinger->done);
    *count = pinger->err == 0 ? pinger->count : 0;
    return pinger->err;
}
