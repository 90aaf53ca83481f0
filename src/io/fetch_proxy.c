/* The proxy that stands before all receivers: a tunnel through it is asked for by the address that the guard has seen. */
#include "fetch_internal.h"

#include <stdio.h>
#include <string.h>

#define STATUS_NO_CREDENTIALS 407 /* RFC 9110 §15.5.8 */

void fetch_proxy_init(struct fetcher *fetcher)
{
    const struct proxy *proxy = fetcher->config.proxy;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&fetcher->proxy;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&fetcher->proxy;

    if (proxy == NULL)
        return;
    if (inet_pton(AF_INET, proxy->host, &v4->sin_addr) == 1)
        fetcher->proxy.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, proxy->host, &v6->sin6_addr) == 1)
        fetcher->proxy.ss_family = AF_INET6;
}

bool fetch_proxy_named(const struct fetcher *fetcher)
{
    return fetcher->config.proxy != NULL && fetcher->proxy.ss_family == AF_UNSPEC;
}

void fetch_proxy_choose(struct fetch *fetch, const struct sockaddr_storage *addresses, size_t count)
{
    fetch->proxy = addresses[fetch->fetcher->proxy_turn % count];
}

void fetch_proxy_set(struct fetch *fetch)
{
    const struct fetcher *fetcher = fetch->fetcher;
    const struct proxy *proxy = fetcher->config.proxy;
    char address[64], url[sizeof address + PROXY_CREDENTIALS_MAX + 16];

    if (proxy == NULL)
        return;
    if (!fetch_proxy_named(fetcher))
        fetch->proxy = fetcher->proxy;
    fetch_address_text(address, (const struct sockaddr *)&fetch->proxy, (uint16_t)proxy->port);
    snprintf(url, sizeof url, "http://%s%s%s", proxy->credentials,
             proxy->credentials[0] != '\0' ? "@" : "", address);
    FETCH_SET(fetch->easy, CURLOPT_PROXY, url);
    FETCH_SET(fetch->easy, CURLOPT_NOPROXY, "");
    FETCH_SET(fetch->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
    FETCH_SET(fetch->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

bool fetch_proxy_is(const struct fetch *fetch, const struct sockaddr *address)
{
    char ours[64], theirs[64];

    if (address->sa_family != fetch->proxy.ss_family)
        return false;
    fetch_address_text(ours, (const struct sockaddr *)&fetch->proxy, 0);
    fetch_address_text(theirs, address, 0);
    return strcmp(ours, theirs) == 0;
}

/* --- what it said ----------------------------------------------------------------------------- */

/* Its answer to CONNECT; 0: none came. */
static long answer_of(const struct fetch *fetch)
{
    long answer = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_HTTP_CONNECTCODE, &answer);
    return answer;
}

static bool is_success(long answer)
{
    return answer / 100 == 2;
}

bool fetch_proxy_is_silent(const struct fetch *fetch)
{
    return fetch->fetcher->config.proxy != NULL && fetch->requests == 0 && answer_of(fetch) == 0;
}

/* Of one that took our connection, and says nothing in time, it is the receiver that keeps it waiting. */
bool fetch_proxy_failed(const struct fetch *fetch, CURLcode code, enum fetch_outcome *outcome)
{
    long answer = answer_of(fetch);

    if (fetch->fetcher->config.proxy == NULL || fetch->requests > 0 || is_success(answer))
        return false;
    if (answer != 0)
        *outcome = answer == STATUS_NO_CREDENTIALS ? FETCH_NO_PROXY : FETCH_CONNECT_FAILED;
    else if (code == CURLE_OPERATION_TIMEDOUT && fetch_socket_connected(fetch))
        *outcome = FETCH_TIMED_OUT;
    else
        *outcome = FETCH_NO_PROXY;
    return true;
}

bool fetch_proxy_explain(struct fetch *fetch, enum fetch_outcome outcome)
{
    long answer = answer_of(fetch);

    if (outcome != FETCH_NO_PROXY && outcome != FETCH_CONNECT_FAILED)
        return false;
    if (fetch->fetcher->config.proxy == NULL || (outcome == FETCH_CONNECT_FAILED && answer == 0))
        return false;
    if (answer == 0) {
        fetch->fetcher->proxy_turn++; /* the next request tries another of its addresses */
        snprintf(fetch->error, sizeof fetch->error, "the egress proxy could not be reached");
    } else if (outcome == FETCH_NO_PROXY) {
        snprintf(fetch->error, sizeof fetch->error, "the egress proxy wants other credentials");
    } else {
        snprintf(fetch->error, sizeof fetch->error,
                 "the egress proxy answered %ld to a connection to %s", answer,
                 fetch->result.address);
    }
    return true;
}
