/* Credentials: one table says what there is of each type. */
#include "core/credentials.h"

#include "base/crypto.h"
#include "base/err.h"

#include <stdio.h>

#define USERNAME_MAX 256
#define PASSWORD_MAX 1024
#define TOKEN_MAX    4096

static const char *const type_names[] = {"basic", "bearer", NULL};

#define MASKED "is ***, which stands for what is not shown: give it whole"

static bool is_mask(struct str s)
{
    return str_eq_text(s, "***");
}

/* RFC 7617 §2: no control characters, in what is UTF-8 otherwise. */
static const char *check_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return "may not contain control characters";
    return is_mask(s) ? MASKED : NULL;
}

static const char *check_username(struct str s)
{
    if (s.n > 0 && memchr(s.p, ':', s.n) != NULL)
        return "may not contain a colon, where the password would begin";
    return check_text(s);
}

/* More than RFC 6750 §2.1 has: there are services whose tokens have a | or a :. */
static const char *check_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
            return "may contain only visible ASCII characters";
    return is_mask(s) ? MASKED : NULL;
}

enum { IN_TYPE, IN_USERNAME, IN_PASSWORD, IN_TOKEN, IN_COUNT };

#define AT(member) offsetof(struct credentials, member)

static const struct field fields[IN_COUNT] = {
    [IN_TYPE] = {"type", FIELD_ENUM, AT(type), FIELD_REQUIRED, .names = type_names},
    [IN_USERNAME] = {"username", FIELD_STR, AT(username), 0, .max = USERNAME_MAX,
                     .check = check_username},
    [IN_PASSWORD] = {"password", FIELD_STR, AT(password), 0, .max = PASSWORD_MAX,
                     .check = check_text},
    [IN_TOKEN] = {"token", FIELD_STR, AT(token), 0, .min = 1, .max = TOKEN_MAX,
                  .check = check_token},
};

/* --- the types -------------------------------------------------------------------------------- */

static void add_basic(const struct credentials *c, struct buf *head)
{
    struct buf pair;

    buf_init(&pair, USERNAME_MAX + 1 + PASSWORD_MAX);
    buf_add_str(&pair, c->username);
    buf_add_char(&pair, ':');
    buf_add_str(&pair, c->password);
    buf_add_text(head, "Authorization: Basic ");
    crypto_base64(head, pair.p, pair.n);
    buf_add_text(head, "\r\n");
    crypto_wipe(pair.p, pair.n);
    buf_fini(&pair);
}

static void add_bearer(const struct credentials *c, struct buf *head)
{
    buf_printf(head, "Authorization: Bearer %.*s\r\n", STR_FMT(c->token));
}

#define BIT(member) (1U << (member))

static const struct {
    uint32_t required; /* besides the type */
    void (*add_line)(const struct credentials *c, struct buf *head);
} types[] = {
    [CREDENTIALS_BASIC] = {BIT(IN_USERNAME) | BIT(IN_PASSWORD), add_basic},
    [CREDENTIALS_BEARER] = {BIT(IN_TOKEN), add_bearer},
};

void credentials_add_line(const struct credentials *c, struct buf *head)
{
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
    *out = (struct credentials){0};
    if (fields_bind(f, fields, IN_COUNT, json, "auth.", out) < 0)
        return ERR_INVALID;
    uint32_t required = types[out->type].required;
    uint32_t missing = required & ~f->present, strange = f->present & ~(required | BIT(IN_TYPE));
    for (int i = IN_TYPE + 1; i < IN_COUNT; i++) {
        if ((missing & BIT(i)) != 0)
            add_problem(f, i, "is required with this type");
        else if ((strange & BIT(i)) != 0)
            add_problem(f, i, "is not for this type");
    }
    return missing != 0 || strange != 0 ? ERR_INVALID : 0;
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

void credentials_write(struct jsonw *w, const char *key, const struct credentials *c, bool masked)
{
    jsonw_begin(w, key, '{');
    jsonw_text(w, fields[IN_TYPE].name, type_names[c->type]);
    for (int i = IN_TYPE + 1; i < IN_COUNT; i++)
        if ((types[c->type].required & BIT(i)) != 0)
            jsonw_str(w, fields[i].name, masked ? STR_LIT("***") : *text_of(c, i));
    jsonw_end(w, '}');
}
