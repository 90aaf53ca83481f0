/* What proves a request: headers, and times that are in them. */
#include "source_internal.h"

#include "base/crypto.h"
#include "base/header.h"

#include <inttypes.h>
#include <stdio.h>

#define SIGNATURE_MAX 100

const char *const source_signature_names[] = {"hmac-sha256-hex", "hmac-sha256-base64", "plain",
                                              NULL};

const char *source_header_check(struct str name)
{
    return header_is_name(name) ? NULL : "must be the name of a header";
}

bool source_wrong(char wrong[SOURCE_WRONG_SIZE], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(wrong, SOURCE_WRONG_SIZE, format, args);
    va_end(args);
    return false;
}

static void write_proof(struct buf *out, enum source_signature form, struct str secret,
                        struct str body)
{
    uint8_t mac[SHA256_SIZE];

    if (form == SOURCE_PLAIN) {
        buf_add_str(out, secret);
        return;
    }
    crypto_hmac_sha256(secret, &body, 1, mac);
    if (form == SOURCE_HMAC_HEX)
        crypto_hex(out, mac, sizeof mac);
    else
        crypto_base64(out, mac, sizeof mac);
}

struct str source_header(const struct source_request *request, const char *name)
{
    char lower[SOURCE_HEADER_MAX * 4 + 1];
    size_t i = 0;

    for (; name[i] != '\0' && i + 1 < sizeof lower; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    lower[i] = '\0';
    return request->header(request->arg, lower);
}

bool source_verify_header(const struct source_request *request, const char *header,
                          const char *prefix, enum source_signature form, struct str secret,
                          char wrong[SOURCE_WRONG_SIZE])
{
    struct str got = source_header(request, header), start = str_of(prefix);
    struct buf want;

    if (got.p == NULL)
        return source_wrong(wrong,
                            "The header %s is missing: the sender has no secret set, or is "
                            "not what this source is for",
                            header);
    if (str_starts(got, start))
        got = (struct str){got.p + start.n, got.n - start.n};
    buf_init(&want, SIGNATURE_MAX + secret.n);
    write_proof(&want, form, secret, request->body);
    bool good = crypto_equal(got, buf_str(&want));
    crypto_forget(&want);
    return good || source_wrong(wrong,
                                "The header %s does not fit: the sender has another secret "
                                "than this source, or something on the way changed the body",
                                header);
}

bool source_verify_seconds(const struct source_request *request, struct str seconds,
                           char wrong[SOURCE_WRONG_SIZE])
{
    int64_t at;

    if (!str_to_i64(seconds, 0, INT64_MAX / 1000, &at))
        return source_wrong(wrong, "The signature has no time in seconds");
    int64_t apart = request->now_ms - at * 1000;
    return (apart <= SOURCE_TOLERANCE_MS && apart >= -SOURCE_TOLERANCE_MS) ||
           source_wrong(wrong,
                        "The signature is %" PRId64 " seconds %s, and may be %" PRId64
                        ": one of the clocks is wrong, or it is a copy",
                        (apart < 0 ? -apart : apart) / 1000, apart < 0 ? "ahead" : "old",
                        SOURCE_TOLERANCE_MS / 1000);
}
