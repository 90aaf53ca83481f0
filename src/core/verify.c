/* Verifying: which signatures a request carries, by a table of headers, and what there is to say of each. */
#include "core/verify.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/header.h"
#include "core/signature.h"
#include "verify_internal.h"

#include <stdlib.h>

#define HEADERS_MAX  100
#define TOLERANCE_S  300
#define MAC_TEXT_MAX 256
#define WORDS_MAX    1024

enum scheme_kind { SCHEME_STANDARD, SCHEME_BODY, SCHEME_SECRET, SCHEME_TIMED };

/* Headers that carry a signature. */
static const struct scheme {
    const char *header, *label; /* what stands before the value, or "" */
    enum scheme_kind kind;
    struct forms_wanted wanted;
    bool base64; /* else hex */
} schemes[] = {
    {"webhook-signature", "v1,", SCHEME_STANDARD, {KEY_DECODED, SIGNED_ID_TIME_BODY}, true},
    {"svix-signature", "v1,", SCHEME_STANDARD, {KEY_DECODED, SIGNED_ID_TIME_BODY}, true},
    {"X-Webhook-Signature", "sha256=", SCHEME_BODY, {KEY_TEXT, SIGNED_BODY}, false},
    {"X-Remnawave-Signature", "", SCHEME_BODY, {KEY_TEXT, SIGNED_BODY}, false},
    {"X-Webhook-Secret", "", SCHEME_SECRET, {KEY_TEXT, SIGNED_BODY}, false},
    {"X-Hub-Signature-256", "sha256=", SCHEME_BODY, {KEY_TEXT, SIGNED_BODY}, false},
    {"X-Shopify-Hmac-Sha256", "", SCHEME_BODY, {KEY_TEXT, SIGNED_BODY}, true},
    {"Stripe-Signature", "v1=", SCHEME_TIMED, {KEY_TEXT, SIGNED_TIME_BODY}, false},
};

struct header {
    struct str name, value;
};

struct verifying {
    const struct verify *in;
    struct findings *out;
    struct header headers[HEADERS_MAX];
    size_t count;
    struct forms forms;
    bool made;   /* forms is */
    size_t seen; /* schemes that the request has */
};

/* --- headers ---------------------------------------------------------------------------------- */

static void read_headers(struct verifying *v)
{
    struct str rest = v->in->head, line;

    while (v->count < HEADERS_MAX && str_next(&rest, '\n', &line)) {
        const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (colon == NULL)
            continue;
        struct header h = {str_trim((struct str){line.p, (size_t)(colon - line.p)}), STR_NONE};
        h.value = str_trim((struct str){colon + 1, line.n - (size_t)(colon + 1 - line.p)});
        if (header_is_name(h.name))
            v->headers[v->count++] = h;
    }
}

/* Equal, but for case and _ instead of -, behind HTTP_ or another prefix that ends with one. X-Webhook-Id is no
 * webhook-id. */
static bool is_renamed(struct str name, const char *wanted)
{
    size_t n = strlen(wanted);

    if (name.n < n ||
        (name.n > n && name.p[name.n - n - 1] != '-' && name.p[name.n - n - 1] != '_'))
        return false;
    if (name.n > n + 1 && (name.p[name.n - n - 2] == 'X' || name.p[name.n - n - 2] == 'x'))
        return false;
    name = (struct str){name.p + name.n - n, n};
    for (size_t i = 0; i < n; i++) {
        char c = (char)(name.p[i] == '_' ? '-' : name.p[i]);
        if (!str_eq_nocase((struct str){&c, 1}, (struct str){&wanted[i], 1}))
            return false;
    }
    return true;
}

/* The header, by its name, else by what a proxy or a framework makes of it. */
static const struct header *find_header(struct verifying *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (str_eq_nocase(v->headers[i].name, str_of(name)))
            return &v->headers[i];
    for (size_t i = 0; i < v->count; i++)
        if (is_renamed(v->headers[i].name, name))
            return &v->headers[i];
    return NULL;
}

static struct str value_of(struct verifying *v, const char *name)
{
    const struct header *h = find_header(v, name);
    return h != NULL ? h->value : STR_NONE;
}

static void judge_name(struct verifying *v, const char *name, const struct header *header)
{
    size_t times = 0;

    if (!str_eq_nocase(header->name, str_of(name))) {
        findings_add(v->out, FINDING_WARN, str_of(name), "arrived under the name %.*s",
                     STR_FMT(header->name));
        findings_advise(
            v->out,
            "something on the way renamed it: read it by that name, or let the header through as it is");
    }
    for (size_t i = 0; i < v->count; i++)
        times += str_eq_nocase(v->headers[i].name, header->name);
    if (times > 1) {
        findings_add(v->out, FINDING_WARN, str_of(name), "is there %zu times", times);
        findings_advise(
            v->out,
            "a proxy adds it again, and frameworks join the values with a comma: let it pass once; the first is judged here");
    }
}

/* --- one signature ---------------------------------------------------------------------------- */

static ssize_t from_hex(struct str text, uint8_t out[SHA512_SIZE])
{
    if (text.n % 2 != 0 || text.n > (size_t)2 * SHA512_SIZE)
        return -1;
    for (size_t i = 0; i < text.n; i += 2) {
        int high = str_hex(text.p[i]), low = str_hex(text.p[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (ssize_t)text.n / 2;
}

/* Of both alphabets, with or without padding. */
static ssize_t from_base64(struct str text, uint8_t *out, size_t max, bool *strict)
{
    char padded[MAC_TEXT_MAX];
    size_t n = 0;

    if (text.n + 4 > sizeof padded)
        return -1;
    ssize_t got = crypto_base64_decode(text, out, max);
    *strict = got >= 0;
    for (; n < text.n; n++)
        padded[n] = (char)(text.p[n] == '-' ? '+' : text.p[n] == '_' ? '/' : text.p[n]);
    while (n % 4 != 0)
        padded[n++] = '=';
    return got >= 0 ? got : crypto_base64_decode((struct str){padded, n}, out, max);
}

static bool is_size(ssize_t n)
{
    return n == SHA256_SIZE || n == SHA512_SIZE;
}

/* Bytes of a signature, and how they were written. */
struct mac {
    uint8_t bytes[SHA512_SIZE];
    size_t n;
    bool base64, hex_in_base64, upper, loose;
};

static bool read_mac(struct str text, struct mac *mac)
{
    uint8_t once[2 * SHA512_SIZE];
    bool strict = true;
    ssize_t n = from_hex(text, mac->bytes);

    *mac = (struct mac){.n = 0};
    if (is_size(n)) {
        n = from_hex(text, mac->bytes);
        for (size_t i = 0; i < text.n; i++)
            mac->upper = mac->upper || (text.p[i] >= 'A' && text.p[i] <= 'F');
        mac->n = (size_t)n;
        return true;
    }
    n = from_base64(text, once, sizeof once, &strict);
    mac->base64 = true;
    mac->loose = !strict;
    if (is_size(n) && n <= (ssize_t)SHA512_SIZE &&
        from_hex((struct str){(char *)once, (size_t)n}, mac->bytes) < 0) {
        memcpy(mac->bytes, once, (size_t)n);
        mac->n = (size_t)n;
        return true;
    }
    if (n > 0 && is_size(from_hex((struct str){(char *)once, (size_t)n}, mac->bytes))) {
        mac->hex_in_base64 = true;
        mac->n = (size_t)n / 2;
        return true;
    }
    return false;
}

static const char *writing_of(const struct mac *mac, const struct scheme *scheme)
{
    if (mac->hex_in_base64)
        return "it is the base64 of the hex text: encode the bytes of the hash, not their hex";
    if (mac->base64 != scheme->base64)
        return scheme->base64 ? "it is in hex, and this header has base64"
                              : "it is in base64, and this header has hex";
    if (mac->upper)
        return "it is in upper-case hex: receivers compare with lower case";
    return mac->loose
               ? "it is in base64 of URLs, or without padding: use the plain alphabet with +, / and ="
               : NULL;
}

static const char *how_it_is(const struct scheme *scheme)
{
    static const char *const kinds[] = {
        [SCHEME_STANDARD] =
            "HMAC-SHA256 of webhook-id.webhook-timestamp.body, with the bytes that the base64 behind whsec_ stands for, in base64",
        [SCHEME_BODY] = "HMAC-SHA256 of the body, with the secret's whole string",
        [SCHEME_SECRET] = "HMAC-SHA256 of the body, with the secret's whole string, in hex",
        [SCHEME_TIMED] = "HMAC-SHA256 of timestamp.body, with the secret's whole string, in hex",
    };
    return kinds[scheme->kind];
}

/* Says what came of a search; false where nothing fits. */
static bool say_found(struct verifying *v, const struct scheme *scheme, const char *about,
                      const struct mac *mac, int far, struct buf *phrase, struct buf *advice)
{
    const char *writing = writing_of(mac, scheme);

    if (far < 0)
        return false;
    if (far == 0 && writing == NULL) {
        findings_add(v->out, FINDING_OK, str_of(about), "fits: %s", how_it_is(scheme));
    } else if (far == 0) {
        findings_add(v->out, FINDING_FAIL, str_of(about), "would fit, but %s", writing);
        findings_advise(v->out, "it must be %s", how_it_is(scheme));
    } else {
        findings_add(v->out, FINDING_FAIL, str_of(about), "fits if %s%s%s", buf_text(phrase),
                     writing != NULL ? "; and " : "", writing != NULL ? writing : "");
        findings_advise(v->out, "%s", buf_text(advice));
    }
    return true;
}

static bool try_mac(struct verifying *v, const struct scheme *scheme, const char *about,
                    struct str text)
{
    struct mac mac;
    struct buf phrase, advice;

    if (!read_mac(text, &mac))
        return false;
    buf_init(&phrase, WORDS_MAX);
    buf_init(&advice, WORDS_MAX);
    int far = forms_find(&v->forms, (struct str){(char *)mac.bytes, mac.n}, &scheme->wanted,
                         &phrase, &advice);
    bool found = say_found(v, scheme, about, &mac, far, &phrase, &advice);
    buf_fini(&phrase);
    buf_fini(&advice);
    return found;
}

static void say_nothing_fits(struct verifying *v, const struct scheme *scheme)
{
    findings_add(v->out, FINDING_FAIL, str_of(scheme->header),
                 "does not fit, in any form that was tried%s",
                 v->forms.budget < v->in->body.n ? "; the body is so large that not all were" : "");
    findings_advise(v->out,
                    "it is %s: the secret is another one (of another webhook, or rotated?), or the "
                    "body is not the one that came",
                    how_it_is(scheme));
}

/* --- by the kind of header -------------------------------------------------------------------- */

/* The public key of the secret, whpk_ or whsk_. */
static bool public_key(struct str secret, uint8_t out[ED25519_SIZE])
{
    struct str prefix = STR_LIT(SECRET_PUBLIC_PREFIX);
    struct buf text;

    buf_init(&text, 128);
    if (!str_starts(secret, STR_LIT(SECRET_PRIVATE_PREFIX)) || secret_public_key(&text, secret) < 0)
        buf_add_str(&text, secret);
    struct str key = buf_str(&text);
    bool good = !text.overflow && str_starts(key, prefix) &&
                crypto_base64_decode((struct str){key.p + prefix.n, key.n - prefix.n}, out,
                                     ED25519_SIZE) == ED25519_SIZE;
    crypto_forget(&text);
    return good;
}

static bool try_ed25519(struct verifying *v, const struct scheme *scheme, struct str text)
{
    uint8_t public[ED25519_SIZE], signature[ED25519_SIGNATURE_SIZE];
    struct buf phrase, advice;

    if (!public_key(v->in->secret, public) ||
        crypto_base64_decode(text, signature, sizeof signature) != sizeof signature)
        return false;
    buf_init(&phrase, WORDS_MAX);
    buf_init(&advice, WORDS_MAX);
    int far = forms_find_ed25519(&v->forms, (struct str){(char *)signature, sizeof signature},
                                 public, &phrase, &advice);
    if (far == 0)
        findings_add(v->out, FINDING_OK, str_of(scheme->header),
                     "fits: Ed25519 of webhook-id.webhook-timestamp.body");
    if (far > 0) {
        findings_add(v->out, FINDING_FAIL, str_of(scheme->header), "fits if %s", buf_text(&phrase));
        findings_advise(v->out, "%s", buf_text(&advice));
    }
    buf_fini(&phrase);
    buf_fini(&advice);
    return far >= 0;
}

static void judge_standard(struct verifying *v, const struct scheme *scheme, struct str value)
{
    struct str rest = value, one;
    size_t shared = 0, asymmetric = 0;
    bool fits = false;

    while (!fits && str_next(&rest, ' ', &one)) {
        if (str_starts(one, STR_LIT("v1a,"))) {
            asymmetric++;
            fits = try_ed25519(v, scheme, (struct str){one.p + 4, one.n - 4});
            continue;
        }
        shared++;
        struct str text =
            str_starts(one, STR_LIT("v1,")) ? (struct str){one.p + 3, one.n - 3} : one;
        fits = try_mac(v, scheme, scheme->header, text);
    }
    if (fits && shared + asymmetric > 1) {
        findings_add(v->out, FINDING_WARN, str_of(scheme->header),
                     "the secret is the old one: its signature is the second in the header");
        findings_advise(v->out, "the secret was rotated: take the new one before the overlap ends");
    }
    if (!fits && shared == 0 && asymmetric > 0) {
        findings_add(v->out, FINDING_FAIL, str_of(scheme->header),
                     "is an Ed25519 signature (v1a), which the secret given does not fit");
        findings_advise(v->out, "give the webhook's public key, whpk_…, as the secret");
    } else if (!fits) {
        say_nothing_fits(v, scheme);
    }
}

/* The value of a pair in "t=…,v1=…", or the whole without its label. */
static struct str piece(struct str value, const char *label)
{
    struct str one, rest = value;

    while (str_next(&rest, ',', &one)) {
        one = str_trim(one);
        if (label[0] != '\0' && str_starts(one, str_of(label)))
            return (struct str){one.p + strlen(label), one.n - strlen(label)};
    }
    return STR_NONE;
}

static void judge_body(struct verifying *v, const struct scheme *scheme, struct str value)
{
    struct str text = piece(value, scheme->label), first = value;

    if (text.n == 0 && scheme->label[0] != '\0') {
        findings_add(v->out, FINDING_WARN, str_of(scheme->header), "does not begin with %s",
                     scheme->label);
        findings_advise(v->out, "it begins so when it is sent: something took it off");
    }
    if (text.n == 0)
        str_next(&value, ',', &first);
    if (!try_mac(v, scheme, scheme->header, text.n > 0 ? text : str_trim(first)))
        say_nothing_fits(v, scheme);
}

static void judge_secret(struct verifying *v, const struct scheme *scheme, struct str value)
{
    const char *phrase;

    if (crypto_equal(value, v->in->secret)) {
        findings_add(v->out, FINDING_OK, str_of(scheme->header), "fits: it is the secret itself");
    } else if ((phrase = forms_find_plain(&v->forms, value)) != NULL) {
        findings_add(v->out, FINDING_FAIL, str_of(scheme->header), "is the secret if %s", phrase);
        findings_advise(v->out, "use the secret as it is");
    } else if (!try_mac(v, scheme, scheme->header, value)) {
        findings_add(v->out, FINDING_FAIL, str_of(scheme->header),
                     "is neither the secret nor a signature made with it");
        findings_advise(v->out, "the secret is another one: that of the webhook is what is sent");
    }
}

static void judge(struct verifying *v, const struct scheme *scheme, struct str value)
{
    if (scheme->kind == SCHEME_STANDARD)
        judge_standard(v, scheme, value);
    else if (scheme->kind == SCHEME_SECRET)
        judge_secret(v, scheme, value);
    else
        judge_body(v, scheme, value);
}

/* --- id and time ------------------------------------------------------------------------------ */

static void judge_missing(struct verifying *v, const char *name)
{
    findings_add(v->out, FINDING_FAIL, str_of(name), "is missing, and is a part of what is signed");
    findings_advise(v->out,
                    "let the proxy in front of the receiver pass it on, and give it here too");
}

static void judge_age(struct verifying *v, const char *about, struct str text)
{
    int64_t seconds, at_ms;

    if (v->in->now_ms == 0 || text.n == 0)
        return;
    if (str_to_i64(text, 0, INT64_MAX / 1000, &seconds) && seconds > 100000000000) {
        findings_add(v->out, FINDING_FAIL, str_of(about), "is in milliseconds");
        findings_advise(
            v->out, "it has to be in seconds: a receiver takes it for a time in the far future");
        return;
    }
    if (str_to_i64(text, 0, INT64_MAX / 1000, &seconds))
        at_ms = seconds * 1000;
    else if (!clock_parse(text, &at_ms)) {
        findings_add(v->out, FINDING_FAIL, str_of(about), "is not a time");
        findings_advise(v->out, "it has to be seconds since 1970");
        return;
    }
    long long age = (long long)(v->in->now_ms - at_ms) / 1000;
    bool fresh = age <= TOLERANCE_S && age >= -TOLERANCE_S;
    findings_add(v->out, fresh ? FINDING_OK : FINDING_FAIL, str_of(about), "is %lld s %s%s",
                 age < 0 ? -age : age, age < 0 ? "in the future" : "old",
                 fresh ? "" : ", and receivers refuse what is more than 300 s off");
    if (!fresh)
        findings_advise(
            v->out,
            "of a request that was kept, say when it came (--at) or --ignore-time; else set the clocks right");
}

static void judge_standard_parts(struct verifying *v, const struct scheme *scheme)
{
    bool svix = scheme->header[0] == 's';

    if (v->forms.id.n == 0)
        judge_missing(v, svix ? "svix-id" : "webhook-id");
    if (v->forms.time.n == 0)
        judge_missing(v, svix ? "svix-timestamp" : "webhook-timestamp");
    judge_age(v, svix ? "svix-timestamp" : "webhook-timestamp", v->forms.time);
}

/* --- all -------------------------------------------------------------------------------------- */

/* For one of the schemes: the id and time that go with it. */
static void make_forms(struct verifying *v, const struct scheme *scheme, struct str value)
{
    struct str id = value_of(v, "webhook-id"), time = value_of(v, "webhook-timestamp");

    if (scheme != NULL && scheme->header[0] == 's') {
        id = value_of(v, "svix-id");
        time = value_of(v, "svix-timestamp");
    } else if (scheme != NULL && scheme->kind == SCHEME_TIMED) {
        time = piece(value, "t=");
    }
    if (v->made && str_eq(id, v->forms.id) && str_eq(time, v->forms.time))
        return;
    if (v->made)
        forms_fini(&v->forms);
    forms_init(&v->forms, v->in->secret, v->in->body, id, time);
    v->made = true;
}

static void judge_all(struct verifying *v)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        const struct scheme *scheme = &schemes[i];
        const struct header *header = find_header(v, scheme->header);
        if (header == NULL)
            continue;
        v->seen++;
        judge_name(v, scheme->header, header);
        make_forms(v, scheme, header->value);
        judge(v, scheme, header->value);
        if (scheme->kind == SCHEME_STANDARD)
            judge_standard_parts(v, scheme);
        else if (scheme->kind == SCHEME_TIMED)
            judge_age(v, scheme->header, v->forms.time);
    }
}

/* What the receiver came to: made as which of the request's headers should be, with what mistake? */
static void judge_computed(struct verifying *v)
{
    struct str text = v->in->computed;
    const char *equals = text.n > 0 ? memchr(text.p, '=', text.n) : NULL;

    if (str_starts(text, STR_LIT("v1,")))
        text = (struct str){text.p + 3, text.n - 3};
    else if (equals != NULL && text.n - (size_t)(equals + 1 - text.p) > 2)
        text = (struct str){equals + 1, text.n - (size_t)(equals + 1 - text.p)};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (v->seen > 0 && find_header(v, schemes[i].header) == NULL)
            continue;
        make_forms(v, &schemes[i], value_of(v, schemes[i].header));
        if (try_mac(v, &schemes[i], "computed", text))
            return;
    }
    findings_add(
        v->out, FINDING_FAIL, STR_LIT("computed"),
        "what the receiver computed is none of the usual mistakes with this secret and body");
    findings_advise(v->out,
                    "let the receiver print the bytes that it hashes, and the length of its key");
}

static void say_none(struct verifying *v)
{
    findings_add(v->out, FINDING_FAIL, STR_LIT("signature"),
                 "the request carries none: of %zu headers none is webhook-signature, "
                 "X-Webhook-Signature, X-Webhook-Secret or another that is known",
                 v->count);
    findings_advise(
        v->out,
        "give all headers as they came; if they did not come, a proxy in front of the receiver drops them");
}

void verify_run(const struct verify *in, struct findings *out)
{
    struct verifying *v = xcalloc(1, sizeof *v);

    assert(in->secret.n <= VERIFY_SECRET_MAX);
    v->in = in;
    v->out = out;
    read_headers(v);
    judge_all(v);
    if (v->seen == 0)
        say_none(v);
    if (in->computed.n > 0)
        judge_computed(v);
    if (v->made)
        forms_fini(&v->forms);
    free(v);
}
