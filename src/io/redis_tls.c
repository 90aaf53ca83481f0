/* TLS under a connection to Redis: what hiredis would read and write itself goes through OpenSSL, into its reader and out
 * of its buffer. Failures are told as hiredis tells its own. */
#include "redis_internal.h"

#include "io/watch.h"

#include <hiredis/sds.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define RECORD_MAX 16384 /* bytes in one record: RFC 8446 §5.1 */

SSL_CTX *redis_tls_context(const char *ca_file)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        out_of_memory();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One that cannot be read verifies nothing: the handshake says so. */
    if (ca_file == NULL || ca_file[0] == '\0')
        SSL_CTX_set_default_verify_paths(context);
    else
        SSL_CTX_load_verify_locations(context, ca_file, NULL);
    ERR_clear_error();
    return context;
}

SSL *redis_tls_open(SSL_CTX *tls, const char *host, int fd)
{
    SSL *ssl = SSL_new(tls);
    char name[HOST_MAX + 1]; /* OpenSSL's macro takes what it may write to */

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        out_of_memory();
    SSL_set_connect_state(ssl);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    snprintf(name, sizeof name, "%s", host);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1) {
        ERR_clear_error();
        if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
            out_of_memory();
    }
    return ssl;
}

static int fail(SSL *ssl, redisContext *context, int error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    long verified = SSL_get_verify_result(ssl);

    context->err = error == SSL_ERROR_ZERO_RETURN ? REDIS_ERR_EOF : REDIS_ERR_IO;
    if (verified != X509_V_OK)
        reason = X509_verify_cert_error_string(verified);
    else if (error == SSL_ERROR_ZERO_RETURN || reason == NULL)
        reason = "Server closed the connection";
    snprintf(context->errstr, sizeof context->errstr, "TLS: %s", reason);
    ERR_clear_error();
    return REDIS_ERR;
}

/* What it waits for: bits of the watch; 0: it failed. */
static int wants(int error)
{
    return error == SSL_ERROR_WANT_READ    ? WATCH_READ
           : error == SSL_ERROR_WANT_WRITE ? WATCH_WRITE
                                           : 0;
}

int redis_tls_shake(SSL *ssl, redisContext *context, int *waits_for)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(ssl);
    int error = SSL_get_error(ssl, rc);
    *waits_for = rc == 1 ? 0 : wants(error);
    return rc == 1 || *waits_for != 0 ? REDIS_OK : fail(ssl, context, error);
}

int redis_tls_read(SSL *ssl, redisContext *context)
{
    char bytes[RECORD_MAX];

    do {
        ERR_clear_error();
        int n = SSL_read(ssl, bytes, sizeof bytes);
        int error = SSL_get_error(ssl, n);
        if (n <= 0)
            return wants(error) != 0 ? REDIS_OK : fail(ssl, context, error);
        if (redisReaderFeed(context->reader, bytes, (size_t)n) != REDIS_OK) {
            context->err = context->reader->err;
            snprintf(context->errstr, sizeof context->errstr, "%s", context->reader->errstr);
            return REDIS_ERR;
        }
    } while (SSL_pending(ssl) > 0); /* the descriptor does not tell of it */
    return REDIS_OK;
}

int redis_tls_write(SSL *ssl, redisContext *context)
{
    size_t left = sdslen(context->obuf);

    if (left == 0)
        return REDIS_OK;
    ERR_clear_error();
    int n = SSL_write(ssl, context->obuf, left < INT_MAX ? (int)left : INT_MAX);
    int error = SSL_get_error(ssl, n);
    if (n <= 0)
        return wants(error) != 0 ? REDIS_OK : fail(ssl, context, error);
    if ((size_t)n < left) {
        sdsrange(context->obuf, n, -1);
    } else {
        sdsfree(context->obuf);
        context->obuf = sdsempty();
    }
    return REDIS_OK;
}
