/* Credentials: one table says what there is of each type. */
#include "core/credentials.h"

#include "base/crypto.h"
#include "base/err.h"
#include "core/mask.h"
#include "core/webhook.h"

#include <stdio.h>

#define USERNAME_MAX  256
#define PASSWORD_MAX  1024
#define TOKEN_MAX     4096
#define URL_MAX       2048
#define CLIENT_ID_MAX 256
#define SCOPE_MAX     1024
#define TYPE_UNKNOWN  (-1)

static const char *const type_names[] = {"basic", "bearer", "oauth2", NULL};

/* RFC 7617 §2: no control characters, in what is UTF-8 otherwise. */
static const char *check_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return "may not contain control characters";
    return webhook_mask_check(s);
}

static const char *check_username(struct str s)
{
    if (s.n > 0 && memchr(s.p, ':', s.n) != NULL)
        return "may not contain a colon, where the password would begin";
    return check_text(s);
}

/* More than RFC 6750 §2.1 has: there are services whose tokens have a | or a :. */
const char *credentials_check_token(struct str token)
{
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= 0x20 || token.p[i] > 0x7e)
            return "may contain only visible ASCII characters";
    return webhook_mask_check(token);
}

/* RFC 6749 §3.3: words with blanks between. */
static const char *check_scope(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
            return "may contain only visible ASCII characters, without \" and \\, and spaces";
    return NULL;
}

enum {
    IN_TYPE,
    IN_USERNAME,
    IN_PASSWORD,
    IN_TOKEN,
    IN_TOKEN_URL,
    IN_CLIENT_ID,
    IN_CLIENT_SECRET,
    IN_SCOPE,
    IN_COUNT
};

#define AT(member) offsetof(struct credentials, member)

static const struct field fields[IN_COUNT] = {
    [IN_TYPE] = {"type", FIELD_ENUM, AT(type), FIELD_REQUIRED, .names = type_names},
    [IN_USERNAME] = {"username", FIELD_STR, AT(username), 0, .max = USERNAME_MAX,
                     .check = check_username},
    [IN_PASSWORD] = {"password", FIELD_STR, AT(password), 0, .max = PASSWORD_MAX,
                     .check = check_text},
    [IN_TOKEN] = {"token", FIELD_STR, AT(token), 0, .min = 1, .max = TOKEN_MAX,
                  .check = credentials_check_token},
    [IN_TOKEN_URL] = {"token_url", FIELD_STR, AT(token_url), 0, .min = 1, .max = URL_MAX},
    [IN_CLIENT_ID] = {"client_id", FIELD_STR, AT(client_id), 0, .min = 1, .max = CLIENT_ID_MAX,
                      .check = check_text},
    [IN_CLIENT_SECRET] = {"client_secret", FIELD_STR, AT(client_secret), 0, .min = 1,
                          .max = PASSWORD_MAX, .check = check_text},
    [IN_SCOPE] = {"scope", FIELD_STR, AT(scope), 0, .min = 1, .max = SCOPE_MAX,
                  .check = check_scope},
};

/* --- the types -------------------------------------------------------------------------------- */

void credentials_add_pair(struct str pair, struct buf *head)
{
    buf_add_text(head, "Authorization: Basic ");
    crypto_base64(head, pair.p, pair.n);
    buf_add_text(head, "\r\n");
}

static void add_basic(const struct credentials *c, struct buf *head)
{
    struct buf pair;

    buf_init(&pair, (size_t)4 * (USERNAME_MAX + 1 + PASSWORD_MAX)); /* in UTF-8 */
    buf_add_str(&pair, c->username);
    buf_add_char(&pair, ':');
    buf_add_str(&pair, c->password);
    credentials_add_pair(buf_str(&pair), head);
    crypto_forget(&pair);
}

void credentials_add_token(struct str token, struct buf *head)
{
    buf_add_text(head, "Authorization: Bearer ");
    buf_add_str(head, token);
    buf_add_text(head, "\r\n");
}

static void add_bearer(const struct credentials *c, struct buf *head)
{
    credentials_add_token(c->token, head);
}

#define BIT(member) (1U << (member))

static const struct {
    uint32_t required, optional; /* besides the type */
    void (*add_line)(const struct credentials *c, struct buf *head);
} types[] = {
    [CREDENTIALS_BASIC] = {BIT(IN_USERNAME) | BIT(IN_PASSWORD), 0, add_basic},
    [CREDENTIALS_BEARER] = {BIT(IN_TOKEN), 0, add_bearer},
    [CREDENTIALS_OAUTH2] = {BIT(IN_TOKEN_URL) | BIT(IN_CLIENT_ID) | BIT(IN_CLIENT_SECRET),
                            BIT(IN_SCOPE), NULL},
};

void credentials_add_line(const struct credentials *c, struct buf *head)
{
    if (types[c->type].add_line != NULL)
        types[c->type].add_line(c, head);
}

/* --- reading and writing ---------------------------------------------------------------------- */

static void add_problem(struct fields *f, int member, const char *message)
{
    char path[40];

    snprintf(path, sizeof path, "auth.%s", fields[member].name);
    fields_problem(f, path, message);
}

int credentials_bind(struct fields *f, struct str json, struct credentials *out)
{
    uint32_t present;

    *out = (struct credentials){.type = TYPE_UNKNOWN};
    int err = fields_bind_member(f, fields, IN_COUNT, json, "auth.", out, &present);
    if (out->type == TYPE_UNKNOWN)
        return ERR_INVALID;
    uint32_t required = types[out->type].required;
    uint32_t known = required | types[out->type].optional | BIT(IN_TYPE);
    uint32_t missing = required & ~present, strange = present & ~known;
    for (int i = IN_TYPE + 1; i < IN_COUNT; i++) {
        if ((missing & BIT(i)) != 0)
            add_problem(f, i, "is required with this type");
        else if ((strange & BIT(i)) != 0)
            add_problem(f, i, "is not for this type");
    }
    return err < 0 || missing != 0 || strange != 0 ? ERR_INVALID : 0;
}

int credentials_read(struct allocator alloc, struct str json, struct credentials *out)
{
    struct fields f = {.alloc = alloc};
    return credentials_bind(&f, json, out);
}

static const struct str *text_of(const struct credentials *c, int member)
{
    return (const struct str *)((const char *)c + fields[member].offset);
}

static void write_member(struct jsonw *w, int member, struct str text, bool masked)
{
    static const uint32_t shown = BIT(IN_CLIENT_ID) | BIT(IN_SCOPE);
    struct buf url;

    if (!masked || (shown & BIT(member)) != 0) {
        jsonw_str(w, fields[member].name, text);
    } else if (member == IN_TOKEN_URL) {
        buf_init(&url, URL_MAX * MASK_GROWTH);
        mask_url(&url, text);
        jsonw_str(w, fields[member].name, buf_str(&url));
        buf_fini(&url);
    } else {
        jsonw_text(w, fields[member].name, "***");
    }
}

void credentials_write(struct jsonw *w, const char *key, const struct credentials *c, bool masked)
{
    jsonw_begin(w, key, '{');
    jsonw_text(w, fields[IN_TYPE].name, type_names[c->type]);
    for (int i = IN_TYPE + 1; i < IN_COUNT; i++) {
        bool optional = (types[c->type].optional & BIT(i)) != 0 && text_of(c, i)->n > 0;
        if (optional || (types[c->type].required & BIT(i)) != 0)
            write_member(w, i, *text_of(c, i), masked);
    }
    jsonw_end(w, '}');
}
