/* PEM by OpenSSL, which reads it for the handshake too. */
#include "io/pem.h"

#include "base/buf.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>

#define FILE_BYTES_MAX ((size_t)8 << 20)

static BIO *reader_of(struct str text)
{
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);

    assert(bio != NULL);
    ERR_clear_error();
    return bio;
}

/* Whether reading ended where nothing more begins; forgets why it ended. */
static bool at_end(void)
{
    bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    return end;
}

const char *pem_certificates_check(struct str text)
{
    static const char key[] = "PRIVATE KEY-----";
    size_t count = 0;
    X509 *cert;

    if (text.n > 0 && memmem(text.p, text.n, key, strlen(key)) != NULL)
        return "has a private key in it";
    BIO *bio = reader_of(text);
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        X509_free(cert);
        count++;
    }
    bool whole = at_end();
    BIO_free(bio);
    if (!whole)
        return "has a certificate that cannot be read";
    return count > 0 ? NULL : "has no certificate in PEM (-----BEGIN CERTIFICATE-----)";
}

/* Called for an encrypted key alone: there is nobody to ask, and OpenSSL would ask the terminal. */
static int on_passphrase(char *out, int size, int writing, void *arg)
{
    bool *encrypted = arg;

    (void)out;
    (void)size;
    (void)writing;
    *encrypted = true;
    return -1;
}

static EVP_PKEY *read_key(struct str text, bool *encrypted)
{
    BIO *bio = reader_of(text);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, encrypted);

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

const char *pem_key_check(struct str text)
{
    static const char head[] = "PRIVATE KEY-----";
    bool encrypted = false;

    if (text.n == 0 || memmem(text.p, text.n, head, strlen(head)) == NULL)
        return "has no private key in PEM (-----BEGIN PRIVATE KEY-----)";
    EVP_PKEY *key = read_key(text, &encrypted);
    EVP_PKEY_free(key);
    if (encrypted)
        return "is encrypted: give it without its passphrase (openssl pkey)";
    return key != NULL ? NULL : "has a private key that cannot be read";
}

const char *pem_pair_check(struct str certificates, struct str key_text)
{
    bool encrypted;
    const char *wrong = NULL;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    EVP_PKEY *key = read_key(key_text, &encrypted);
    BIO *bio = reader_of(certificates);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    assert(tls != NULL && key != NULL && cert != NULL);
    if (X509_check_private_key(cert, key) != 1)
        wrong = "is not the key of client_certificate";
    else if (SSL_CTX_use_certificate(tls, cert) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1)
        wrong = "is too weak for TLS today, or client_certificate is";
    X509_free(cert);
    BIO_free(bio);
    EVP_PKEY_free(key);
    SSL_CTX_free(tls);
    ERR_clear_error();
    return wrong;
}

bool pem_file_is_good(const char *path)
{
    FILE *file = fopen(path, "re");
    struct buf text;
    char chunk[4096];
    size_t n;

    if (file == NULL)
        return false;
    buf_init(&text, FILE_BYTES_MAX);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_add(&text, chunk, n);
    bool good =
        ferror(file) == 0 && !text.overflow && pem_certificates_check(buf_str(&text)) == NULL;
    fclose(file);
    buf_fini(&text);
    return good;
}
