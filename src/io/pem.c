/* PEM by OpenSSL, which reads it for the handshake too. */
#include "io/pem.h"

#include "base/buf.h"

#include <openssl/err.h>
#include <openssl/pem.h>
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

static const char *check_certificates(struct str text)
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
    bool good = ferror(file) == 0 && !text.overflow && check_certificates(buf_str(&text)) == NULL;
    fclose(file);
    buf_fini(&text);
    return good;
}
