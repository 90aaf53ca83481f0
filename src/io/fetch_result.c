/* The response as it comes in, under its caps, and what became of the request: outcome, times, and
 * the error in plain words. */
#include "fetch_internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#define STOOD_STILL_MS 250 /* a deadline that is noticed so late was missed by us */

/* --- taking it in ----------------------------------------------------------------------------- */

/* "HTTP/1.1 200 …" → 200; 0 if it is no status line of HTTP/1. */
static int status_of(struct str line)
{
    int64_t status;

    if (line.n < 13 || !str_starts(line, STR_LIT("HTTP/1.")) || line.p[8] != ' ')
        return 0;
    if (line.p[12] != ' ' && line.p[12] != '\r' && line.p[12] != '\n')
        return 0;
    return str_to_i64((struct str){line.p + 9, 3}, 100, 999, &status) ? (int)status : 0;
}

static bool is_blank(struct str line)
{
    return str_eq(line, STR_LIT("\r\n")) || str_eq(line, STR_LIT("\n"));
}

/* As much as fits; true if that was all. */
static bool keep(struct buf *buf, struct str bytes)
{
    size_t room = buf->max - buf->n;
    buf_add(buf, bytes.p, bytes.n < room ? bytes.n : room);
    return bytes.n <= room;
}

/* As libcurl reads it: any coding of the list, in any such line. */
static bool says_chunked(struct str line)
{
    static const struct str name = {"Transfer-Encoding:", 18};
    struct str coding;

    if (line.n < name.n || !str_eq_nocase((struct str){line.p, name.n}, name))
        return false;
    line = (struct str){line.p + name.n, line.n - name.n};
    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    while (str_next(&line, ',', &coding))
        if (str_eq_nocase(str_trim(coding), STR_LIT("chunked")))
            return true;
    return false;
}

static const char *take_line(struct fetch_response *response, struct str line)
{
    if (!response->in_head) {
        response->status = status_of(line);
        if (response->status == 0)
            return "the response is not HTTP/1.1";
        response->in_head = true;
        response->chunked = false;
        buf_clear(&response->head);
    } else if (is_blank(line)) {
        response->in_head = false;
        if (response->status == 101)
            return "the response switches protocols, which was not asked for";
        response->complete = response->status >= 200;
        return NULL;
    } else if (says_chunked(line)) {
        response->chunked = true;
    }
    keep(&response->head, line);
    return NULL;
}

size_t fetch_on_header(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;
    struct fetch_response *response = &fetch->response;

    response->head_seen += size * n;
    if (response->head_seen > FETCH_HEAD_READ_MAX)
        response->bad = "the response's headers are longer than 65536 bytes";
    else if (!response->complete) /* what comes later are trailers */
        response->bad = take_line(response, (struct str){p, size * n});
    if (response->complete) /* libcurl's texts are for the debug callback, from here on */
        FETCH_SET(fetch->easy, CURLOPT_VERBOSE, 1L);
    return response->bad == NULL ? size * n : 0;
}

static bool framed_well(const struct fetch_response *response)
{
    return response->head_seen + response->chunks.framing <= FETCH_HEAD_READ_MAX;
}

static bool hand_on(struct fetch *fetch, struct str bytes)
{
    fetch->response.heard_us = clock_mono_us();
    fetch->response.chunks.framing = 0; /* of a body without end there is no end of it either */
    return fetch->request.on_data(fetch->arg, bytes);
}

static bool take_body(struct fetch *fetch, struct str bytes)
{
    struct fetch_response *response = &fetch->response;
    size_t max = fetch->request.body_max;

    if (fetch->request.on_data != NULL && response->status < 300)
        return hand_on(fetch, bytes);
    response->body_seen += bytes.n;
    keep(&response->body, bytes);
    return response->body_seen <= (max > 0 ? max : FETCH_BODY_READ_MAX);
}

size_t fetch_on_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;
    struct fetch_response *response = &fetch->response;
    struct str in = {p, size * n}, data;

    if (!response->complete)
        return 0;
    if (!response->chunked)
        return take_body(fetch, in) ? size * n : 0;
    while (fetch_chunks_next(&response->chunks, &in, &data))
        if (!framed_well(response) || !take_body(fetch, data))
            return 0;
    if (in.n > 0)
        fetch_excess(fetch);
    return framed_well(response) ? size * n : 0;
}

void fetch_excess(struct fetch *fetch)
{
    FETCH_SET(fetch->easy, CURLOPT_FORBID_REUSE, 1L);
    fetch_spoke(fetch);
}

/* --- what became of it ------------------------------------------------------------------------ */

static const struct {
    CURLcode code;
    enum fetch_outcome outcome;
} outcomes[] = {
    {CURLE_URL_MALFORMAT, FETCH_BAD_URL},
    {CURLE_COULDNT_RESOLVE_HOST, FETCH_DNS_FAILED},
    {CURLE_COULDNT_CONNECT, FETCH_CONNECT_FAILED},
    {CURLE_SSL_CONNECT_ERROR, FETCH_TLS_FAILED},
    {CURLE_PEER_FAILED_VERIFICATION, FETCH_TLS_FAILED},
    {CURLE_SSL_CERTPROBLEM, FETCH_TLS_FAILED},
    {CURLE_SSL_CLIENTCERT, FETCH_TLS_FAILED},
    {CURLE_SSL_CIPHER, FETCH_TLS_FAILED},
    {CURLE_SSL_CACERT_BADFILE, FETCH_TLS_FAILED},
    {CURLE_SSL_ISSUER_ERROR, FETCH_TLS_FAILED},
    {CURLE_SSL_INVALIDCERTSTATUS, FETCH_TLS_FAILED},
    {CURLE_OK, FETCH_CONNECTION_LOST}, /* closed within the head */
    {CURLE_GOT_NOTHING, FETCH_CONNECTION_LOST},
    {CURLE_SEND_ERROR, FETCH_CONNECTION_LOST},
    {CURLE_RECV_ERROR, FETCH_CONNECTION_LOST},
    {CURLE_PARTIAL_FILE, FETCH_CONNECTION_LOST},
    {CURLE_UNSUPPORTED_PROTOCOL, FETCH_BAD_RESPONSE}, /* HTTP/0.9, which is to say: not HTTP */
    {CURLE_WEIRD_SERVER_REPLY, FETCH_BAD_RESPONSE},
    {CURLE_BAD_CONTENT_ENCODING, FETCH_BAD_RESPONSE},
    {CURLE_WRITE_ERROR, FETCH_BAD_RESPONSE},
    {CURLE_BAD_FUNCTION_ARGUMENT, FETCH_BAD_RESPONSE}, /* a folded line that follows none */
    {CURLE_OUT_OF_MEMORY, FETCH_BAD_RESPONSE},         /* a line beyond libcurl's own ceiling */
};

/* With TLS 1.3 we are done with the handshake before the receiver has looked at our certificate: that it refuses it, or
 * wants one, is the first that we read. */
static bool alerted(const struct fetch *fetch)
{
    return fetch->opened >= 0 && fetch->response.head_seen == 0 &&
           strstr(fetch->curl_error, "SSL routines") != NULL &&
           strstr(fetch->curl_error, " alert ") != NULL;
}

enum fetch_outcome fetch_outcome_of(const struct fetch *fetch, CURLcode code)
{
    curl_off_t connect_us = 0;
    enum fetch_outcome outcome;

    if (fetch->response.complete)
        return FETCH_ANSWERED;
    if (fetch->forbidden[0] != '\0')
        return FETCH_FORBIDDEN;
    if (fetch->late)
        return FETCH_TIMED_OUT;
    if (fetch->unnamed)
        return FETCH_TLS_FAILED;
    if (fetch->resent)
        return FETCH_CONNECTION_LOST;
    if (fetch->socket_errno != 0)
        return fetch->socket_errno == EMFILE || fetch->socket_errno == ENFILE ? FETCH_NO_FILE
                                                                              : FETCH_INTERNAL;
    if (fetch->response.bad != NULL)
        return FETCH_BAD_RESPONSE;
    if (fetch_proxy_failed(fetch, code, &outcome))
        return outcome;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
        return connect_us > 0 ? FETCH_TIMED_OUT : FETCH_CONNECT_FAILED;
    }
    if (code == CURLE_RECV_ERROR && alerted(fetch))
        return FETCH_TLS_FAILED;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        if (outcomes[i].code == code)
            return outcomes[i].outcome;
    return FETCH_INTERNAL;
}

int64_t fetch_left_ms(const struct fetch *fetch)
{
    int64_t heard_us = fetch->response.heard_us;

    return fetch->request.timeout_ms + fetch->granted_ms -
           (clock_mono_us() - (heard_us > 0 ? heard_us : fetch->start_us)) / 1000;
}

bool fetch_grant(struct fetch *fetch)
{
    int64_t over_ms = -fetch_left_ms(fetch);

    if (over_ms < STOOD_STILL_MS || fetch->granted_ms > 0)
        return false;
    fetch->granted_ms = over_ms + fetch->request.timeout_ms;
    return true;
}

/* --- in plain words --------------------------------------------------------------------------- */

static void explain_connect(struct fetch *fetch, CURLcode code)
{
    const char *address = fetch->result.address;
    long number = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_OPERATION_TIMEDOUT || number == ETIMEDOUT)
        snprintf(fetch->error, sizeof fetch->error, "could not connect to %s in time", address);
    else if (number == ECONNREFUSED)
        snprintf(fetch->error, sizeof fetch->error, "connection refused by %s", address);
    else if (number == ENETUNREACH || number == EHOSTUNREACH)
        snprintf(fetch->error, sizeof fetch->error, "no route to %s", address);
    else
        snprintf(fetch->error, sizeof fetch->error, "could not connect to %s", address);
}

/* libcurl's own text, which for TLS names no more than the host, without its preamble. Of a handshake it quotes OpenSSL,
 * "OpenSSL/3.0.17: error:0A00010B:SSL routines::wrong version number": what we are made of is nobody's business, so
 * only the reason is said; of one that was cut off, "OpenSSL SSL_connect: …", there is none. */
static void explain_tls(struct fetch *fetch)
{
    static const char *const preambles[] = {"SSL certificate problem: ", "SSL: "};
    const char *text = fetch->curl_error, *reason = strrchr(text, ':');

    for (size_t i = 0; i < ARRAY_LEN(preambles); i++)
        if (str_starts(str_of(text), str_of(preambles[i])))
            text += strlen(preambles[i]);
    if (fetch->unnamed)
        snprintf(fetch->error, sizeof fetch->error,
                 "the certificate does not name the host in its subjectAltName");
    else if (strstr(text, "error:") != NULL && reason != NULL)
        snprintf(fetch->error, sizeof fetch->error, "the TLS handshake failed: %s", reason + 1);
    else if (text[0] == '\0' || strstr(text, "OpenSSL") != NULL)
        snprintf(fetch->error, sizeof fetch->error, "the TLS handshake failed");
    else
        snprintf(fetch->error, sizeof fetch->error, "%s", text);
}

/* The number is that of an earlier transfer when nothing failed in this one: a plain close. */
static void explain_lost(struct fetch *fetch, CURLcode code)
{
    long number = 0;

    if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
        curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &number);
    snprintf(fetch->error, sizeof fetch->error, "connection %s by %s before it answered",
             number == ECONNRESET ? "reset" : "closed", fetch->result.address);
}

/* A reused connection has no times of connecting: that a request began is what tells. */
static void explain_timeout(struct fetch *fetch)
{
    curl_off_t connect_us = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
    bool connected = connect_us > 0 && !fetch->late && !fetch_proxy_is_silent(fetch);
    const char *what = fetch->requests > 0 ? "response"
                       : connected         ? "TLS handshake"
                                           : "connection";
    int64_t spent_ms = (clock_mono_us() - fetch->start_us + 999) / 1000;
    int64_t given_ms = fetch->request.timeout_ms;
    snprintf(fetch->error, sizeof fetch->error, "no %s within %lld ms", what,
             (long long)(spent_ms < given_ms ? spent_ms : given_ms));
}

static void explain(struct fetch *fetch, enum fetch_outcome outcome, CURLcode code)
{
    if (fetch_proxy_explain(fetch, outcome))
        return;
    switch (outcome) {
    case FETCH_ANSWERED:
        fetch->error[0] = '\0';
        break;
    case FETCH_FORBIDDEN:
        snprintf(fetch->error, sizeof fetch->error,
                 "the address %s is not public, so nothing was sent", fetch->forbidden);
        break;
    case FETCH_CONNECT_FAILED:
        explain_connect(fetch, code);
        break;
    case FETCH_TLS_FAILED:
        explain_tls(fetch);
        break;
    case FETCH_TIMED_OUT:
        explain_timeout(fetch);
        break;
    case FETCH_CONNECTION_LOST:
        explain_lost(fetch, code);
        break;
    case FETCH_BAD_RESPONSE:
        snprintf(fetch->error, sizeof fetch->error, "%s",
                 fetch->response.bad != NULL ? fetch->response.bad
                                             : "the response is not HTTP/1.1");
        break;
    default:
        snprintf(fetch->error, sizeof fetch->error, "%s",
                 fetch->socket_errno != 0 ? strerrordesc_np(fetch->socket_errno)
                                          : curl_easy_strerror(code));
    }
}

/* --- the result ------------------------------------------------------------------------------- */

static int64_t between(curl_off_t from, curl_off_t to)
{
    return from > 0 && to > from ? to - from : 0;
}

static void take_times(struct fetch *fetch)
{
    struct fetch_result *result = &fetch->result;
    curl_off_t lookup = 0, connect = 0, tls = 0, ready = 0, first = 0;
    long connections = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_NUM_CONNECTS, &connections);
    curl_easy_getinfo(fetch->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
    curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connect);
    curl_easy_getinfo(fetch->easy, CURLINFO_APPCONNECT_TIME_T, &tls);
    curl_easy_getinfo(fetch->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
    curl_easy_getinfo(fetch->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    result->first_byte_us = fetch->response.status > 0 ? between(ready, first) : 0;
    if (connections == 0 && ready > 0) /* reused */
        return;
    result->dns_us = fetch->dns_us;
    result->connect_us = between(lookup, connect);
    result->tls_us = between(connect, tls);
}

static void take_response(struct fetch *fetch, CURLcode code)
{
    const struct fetch_response *response = &fetch->response;
    struct fetch_result *result = &fetch->result;

    result->status = response->status;
    result->head = buf_str(&response->head);
    result->body = buf_str(&response->body);
    result->body_cut = code != CURLE_OK || response->body_seen > response->body.n;
}

static void end(struct fetch *fetch, enum fetch_outcome outcome)
{
    fetch->result.outcome = outcome;
    fetch->result.error = fetch->error;
    fetch->result.total_us = clock_mono_us() - fetch->start_us;
}

void fetch_conclude(struct fetch *fetch, enum fetch_outcome outcome, CURLcode code)
{
    take_times(fetch);
    if (outcome == FETCH_ANSWERED)
        take_response(fetch, code);
    explain(fetch, outcome, code);
    end(fetch, outcome);
}

void fetch_conclude_with(struct fetch *fetch, enum fetch_outcome outcome, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fetch->error, sizeof fetch->error, format, args);
    va_end(args);
    fetch->result.dns_us = fetch->dns_us;
    end(fetch, outcome);
}
