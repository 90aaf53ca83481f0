/* Settings of TLS. */
#include "core/tls_settings.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"

#define CA_MAX          16384
#define CERTIFICATE_MAX 8192
#define KEY_MAX         8192

enum { IN_CA, IN_CERTIFICATE, IN_KEY, IN_COUNT };

/* What people write into a PEM, and between. */
static const char *check_text(struct str s)
{
    static const char white[] = {'\t', '\r', '\n'};

    for (size_t i = 0; i < s.n; i++) {
        bool control = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f;
        if (control && memchr(white, s.p[i], sizeof white) == NULL)
            return "may not contain control characters other than newlines and tabs";
    }
    return NULL;
}

#define AT(member) offsetof(struct tls_settings, member)

static const struct field fields[IN_COUNT] = {
    [IN_CA] = {"ca", FIELD_STR, AT(ca), FIELD_BYTES, .min = 1, .max = CA_MAX, .check = check_text},
    [IN_CERTIFICATE] = {"client_certificate", FIELD_STR, AT(certificate), FIELD_BYTES, .min = 1,
                        .max = CERTIFICATE_MAX, .check = check_text},
    [IN_KEY] = {"client_key", FIELD_STR, AT(key), FIELD_BYTES, .min = 1, .max = KEY_MAX,
                .check = check_text},
};

int tls_settings_bind(struct fields *f, struct str json, struct tls_settings *out)
{
    uint32_t present;

    *out = (struct tls_settings){0};
    int err = fields_bind_member(f, fields, IN_COUNT, json, "tls.", out, &present);
    if (err == ERR_BAD_REQUEST)
        return err;
    bool no_certificate = (present & 1U << IN_CERTIFICATE) == 0;
    bool no_key = (present & 1U << IN_KEY) == 0;
    if (no_certificate != no_key) {
        fields_problem(f, no_key ? "tls.client_key" : "tls.client_certificate",
                       no_key ? "is required with client_certificate"
                              : "is required with client_key");
        return ERR_INVALID;
    }
    if (err == 0 && present == 0) {
        fields_problem(f, "tls", "must have ca or client_certificate; null takes it away");
        return ERR_INVALID;
    }
    return err;
}

static struct str *text_of(const struct tls_settings *s, int member)
{
    return (struct str *)((uintptr_t)s + fields[member].offset);
}

static int member_of(struct str quoted)
{
    for (int i = 0; i < IN_COUNT; i++)
        if (quoted.n == strlen(fields[i].name) + 2 &&
            memcmp(quoted.p + 1, fields[i].name, quoted.n - 2) == 0)
            return i;
    return -1;
}

/* Where the texts stand is known when all are there: the buffer moves as it grows. */
int tls_settings_read(struct str json, struct buf *text, struct tls_settings *out)
{
    uint8_t hash[SHA256_SIZE];
    size_t at[IN_COUNT] = {0};
    struct json_iter it;
    struct str key, value;

    *out = (struct tls_settings){0};
    if (!json_is_object(json))
        return ERR_INVALID;
    json_iter_init(&it, json);
    while (json_iter_next(&it, &key, &value)) {
        int i = member_of(key);
        if (i < 0 || json_kind(value) != JSON_STRING)
            return ERR_INVALID;
        at[i] = text->n;
        if (json_unquote(text, value) < 0)
            return ERR_INVALID;
        text_of(out, i)->n = text->n - at[i];
    }
    for (int i = 0; i < IN_COUNT; i++)
        if (text_of(out, i)->n > 0)
            text_of(out, i)->p = text->p + at[i];
    crypto_sha256(json, hash);
    memcpy(out->mark.b, hash, sizeof out->mark.b);
    return 0;
}

void tls_settings_write(struct jsonw *w, const char *key, const struct tls_settings *s, bool masked)
{
    jsonw_begin(w, key, '{');
    for (int i = 0; i < IN_COUNT; i++)
        if (text_of(s, i)->n > 0)
            jsonw_str(w, fields[i].name, masked && i == IN_KEY ? STR_LIT("***") : *text_of(s, i));
    jsonw_end(w, '}');
}
