/* The client credentials grant. */
#include "core/grant.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "core/delivery.h"
#include "profile/profile_internal.h"

#include <stdio.h>

#define PART_MAX  32768
#define DEPTH_MAX 16
#define SPARE_MS  60000 /* for what is under way when a token ends; of short ones a tenth */

void grant_init(struct grant *g)
{
    *g = (struct grant){0};
    buf_init(&g->url, PART_MAX);
    buf_init(&g->head, PART_MAX);
    buf_init(&g->body, PART_MAX);
}

void grant_fini(struct grant *g)
{
    crypto_wipe(g->head.p, g->head.n);
    buf_fini(&g->url);
    buf_fini(&g->head);
    buf_fini(&g->body);
}

/* --- the request ------------------------------------------------------------------------------ */

/* application/x-www-form-urlencoded, which RFC 6749 §2.3.1 and appendix B want for the id and the secret too. */
static void add_encoded(struct buf *out, struct str text)
{
    static const char marks[] = {'-', '.', '_', '*'};

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || str_is_digit((char)c) || memchr(marks, c, sizeof marks) != NULL)
            buf_add_char(out, (char)c);
        else if (c == ' ')
            buf_add_char(out, '+');
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void add_client(struct buf *head, const struct credentials *c)
{
    struct buf pair;

    buf_init(&pair, PART_MAX);
    add_encoded(&pair, c->client_id);
    buf_add_char(&pair, ':');
    add_encoded(&pair, c->client_secret);
    credentials_add_pair(buf_str(&pair), head);
    crypto_forget(&pair);
}

static struct id mark_of(const struct grant *g)
{
    const struct buf *const parts[] = {&g->url, &g->head, &g->body};
    uint8_t hash[SHA256_SIZE];
    struct id mark;
    struct buf all;

    buf_init(&all, (size_t)3 * PART_MAX);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_add_str(&all, buf_str(parts[i]));
        buf_add_char(&all, '\0');
    }
    crypto_sha256(buf_str(&all), hash);
    memcpy(mark.b, hash, sizeof mark.b);
    crypto_forget(&all);
    return mark;
}

void grant_make(struct grant *g, const struct credentials *c)
{
    buf_add_str(&g->url, c->token_url);
    buf_add_text(&g->head, "Content-Type: application/x-www-form-urlencoded\r\n"
                           "Accept: application/json\r\n"
                           "User-Agent: " PROFILE_USER_AGENT "\r\n");
    add_client(&g->head, c);
    buf_add_text(&g->body, "grant_type=client_credentials");
    if (c->scope.n > 0) {
        buf_add_text(&g->body, "&scope=");
        add_encoded(&g->body, c->scope);
    }
    g->mark = mark_of(g);
}

/* --- the answer (RFC 6749 §5) ----------------------------------------------------------------- */

/* Members that are not there have n == 0. */
struct answer {
    struct str access_token, token_type, expires_in, error;
};

static const struct {
    const char *name;
    size_t at;
} members[] = {
    {"\"access_token\"", offsetof(struct answer, access_token)},
    {"\"token_type\"", offsetof(struct answer, token_type)},
    {"\"expires_in\"", offsetof(struct answer, expires_in)},
    {"\"error\"", offsetof(struct answer, error)},
};

static bool read_answer(struct str text, struct answer *out)
{
    struct json_error wrong;
    struct json_iter it;
    struct str key, value;

    *out = (struct answer){0};
    if (json_check(text, DEPTH_MAX, &wrong) < 0 || !json_is_object(text))
        return false;
    json_iter_init(&it, text);
    while (json_iter_next(&it, &key, &value))
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            if (str_eq_text(key, members[i].name))
                *(struct str *)((char *)out + members[i].at) = value;
    return true;
}

/* What the literal stands for; it has room for `size` bytes. */
static struct str text_of(struct str literal, char *out, size_t size)
{
    struct buf text;

    buf_init(&text, size);
    if (literal.n == 0 || json_kind(literal) != JSON_STRING || json_unquote(&text, literal) < 0 ||
        text.overflow)
        buf_clear(&text);
    struct str copy = {out, text.n};
    memcpy(out, text.n > 0 ? text.p : "", text.n);
    buf_fini(&text);
    return copy;
}

static bool is_bearer(struct str literal)
{
    char text[16];
    return str_eq_nocase(text_of(literal, text, sizeof text), STR_LIT("Bearer"));
}

/* A number of seconds; some write it in quotes. */
static int64_t keep_ms_of(struct str literal)
{
    char text[16];
    int64_t seconds;
    struct str number =
        literal.n > 0 && literal.p[0] == '"' ? text_of(literal, text, sizeof text) : literal;

    if (!str_to_i64(number, 0, INT32_MAX, &seconds))
        return GRANT_LIFE_MS;
    int64_t ms = seconds * 1000, spare = ms / 10 < SPARE_MS ? ms / 10 : SPARE_MS;
    return ms - spare < GRANT_LIFE_MAX_MS ? ms - spare : GRANT_LIFE_MAX_MS;
}

int grant_read(struct str text, struct buf *token, int64_t *keep_ms)
{
    size_t start = token->n;
    struct answer answer;

    if (!read_answer(text, &answer) || !is_bearer(answer.token_type) ||
        answer.access_token.n == 0 || json_kind(answer.access_token) != JSON_STRING ||
        json_unquote(token, answer.access_token) < 0)
        return ERR_INVALID;
    struct str given = {token->p + start, token->n - start};
    if (token->overflow || given.n == 0 || given.n > GRANT_TOKEN_MAX ||
        credentials_check_token(given) != NULL)
        return ERR_INVALID;
    *keep_ms = keep_ms_of(answer.expires_in);
    return 0;
}

void grant_describe(char *out, size_t size, int status, struct str text)
{
    static const char *const errors[] = {
        "invalid_request",     "invalid_client",         "invalid_grant",
        "unauthorized_client", "unsupported_grant_type", "invalid_scope",
    };
    struct answer answer;
    char error[32];

    if (status_is_success(status)) {
        snprintf(out, size, "the token endpoint answered %d without a token of the type Bearer",
                 status);
        return;
    }
    struct str said = {"", 0};
    if (read_answer(text, &answer))
        said = text_of(answer.error, error, sizeof error);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (!str_eq_text(said, errors[i]))
            continue;
        snprintf(out, size, "the token endpoint answered %d, %s", status, errors[i]);
        return;
    }
    snprintf(out, size, "the token endpoint answered %d", status);
}
