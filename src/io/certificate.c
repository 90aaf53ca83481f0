/* Looking at a certificate, on a socket and a handshake of its own. */
#include "io/certificate.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool wait_for(int fd, short events, int64_t until_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int64_t left = until_ms - clock_mono_ms();

    return left > 0 && poll(&poll_fd, 1, (int)left) == 1;
}

static int connect_to(const struct sockaddr_storage *address, uint16_t port, int64_t until_ms,
                      struct certificate_look *out)
{
    struct sockaddr_storage to = *address;
    socklen_t size =
        to.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int error = 0;
    socklen_t n = sizeof error;

    if (to.ss_family == AF_INET)
        ((struct sockaddr_in *)&to)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)&to)->sin6_port = htons(port);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, size) < 0) {
        error = errno;
        if (error == EINPROGRESS && !wait_for(fd, POLLOUT, until_ms))
            error = ETIMEDOUT;
        else if (error == EINPROGRESS && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
            error = errno;
    } else if (fd < 0) {
        error = errno;
    }
    out->connected = error == 0;
    if (error != 0)
        snprintf(out->error, sizeof out->error, "%s", strerrordesc_np(error));
    return fd;
}

static int64_t time_of(const ASN1_TIME *time)
{
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

/* By its alternative names alone, as for a delivery. */
static bool names(X509 *certificate, const char *host)
{
    return X509_check_host(certificate, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1 ||
           X509_check_ip_asc(certificate, host, 0) == 1;
}

static void take(SSL *tls, const char *host, struct certificate_look *out)
{
    X509 *certificate = SSL_get1_peer_certificate(tls);
    long fault = SSL_get_verify_result(tls);

    snprintf(out->protocol, sizeof out->protocol, "%s", SSL_get_version(tls));
    if (certificate == NULL)
        return;
    X509_NAME_oneline(X509_get_subject_name(certificate), out->subject, sizeof out->subject);
    X509_NAME_oneline(X509_get_issuer_name(certificate), out->issuer, sizeof out->issuer);
    out->not_before_ms = time_of(X509_get0_notBefore(certificate));
    out->not_after_ms = time_of(X509_get0_notAfter(certificate));
    out->count = sk_X509_num(SSL_get_peer_cert_chain(tls));
    out->self_signed = fault == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
    out->unknown_issuer = fault == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
                          fault == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
                          fault == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
    out->names_host = names(certificate, host);
    if (fault != X509_V_OK)
        snprintf(out->fault, sizeof out->fault, "%s", X509_verify_cert_error_string(fault));
    X509_free(certificate);
}

static bool shake(SSL *tls, int fd, int64_t until_ms, struct certificate_look *out)
{
    for (;;) {
        int result = SSL_connect(tls);
        int why = SSL_get_error(tls, result);
        if (result == 1)
            return true;
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
            if (wait_for(fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_ms))
                continue;
            snprintf(out->error, sizeof out->error, "no TLS handshake in time");
            return false;
        }
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        snprintf(out->error, sizeof out->error, "the TLS handshake failed%s%s",
                 reason != NULL ? ": " : ", the connection was closed",
                 reason != NULL ? reason : "");
        return false;
    }
}

void certificate_look(const struct sockaddr_storage *address, uint16_t port, const char *host,
                      const char *ca_file, int timeout_ms, struct certificate_look *out)
{
    int64_t until_ms = clock_mono_ms() + timeout_ms;

    *out = (struct certificate_look){0};
    int fd = connect_to(address, port, until_ms, out);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = context != NULL ? SSL_new(context) : NULL;
    if (tls == NULL)
        out_of_memory();
    if (ca_file == NULL || SSL_CTX_load_verify_file(context, ca_file) != 1)
        SSL_CTX_set_default_verify_paths(context);
    SSL_set_verify(tls, SSL_VERIFY_NONE, NULL);
    char *name = xstrdup(host); /* for OpenSSL's macro, which casts it */
    SSL_set_tlsext_host_name(tls, name);
    free(name);
    if (out->connected && SSL_set_fd(tls, fd) == 1 && shake(tls, fd, until_ms, out)) {
        out->shaken = true;
        take(tls, host, out);
    }
    ERR_clear_error();
    SSL_free(tls);
    SSL_CTX_free(context);
    if (fd >= 0)
        close(fd);
}
