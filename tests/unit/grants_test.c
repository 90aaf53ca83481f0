/* worker/grants: who waits for a token, who gets which, and how many are kept. */
#include "unit.h"

#include "fetch_rig.h"
#include "worker/grants.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_int answered;

/* Every token is another one. */
static void serve_tokens(struct peer *peer)
{
    char body[100], text[200];

    while (peer_read(peer)) {
        snprintf(body, sizeof body,
                 "{\"token_type\":\"Bearer\",\"expires_in\":600,\"access_token\":\"t%d\"}",
                 ++answered);
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
        if (!peer_write(peer, text))
            return;
    }
}

static void serve_refusals(struct peer *peer)
{
    while (peer_read(peer) && peer_write(peer, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"))
        ;
}

static void serve_nothing(struct peer *peer)
{
    while (peer_read(peer))
        ;
}

struct scene {
    struct rig *rig;
    struct server *server;
    struct grants grants;
    struct grant grant;
};

static void begin(struct scene *s, struct rig *rig, peer_cb *serve)
{
    char url[128];

    answered = 0;
    s->rig = rig;
    s->server = server_start(serve);
    grants_init(&s->grants, rig->fetcher);
    grant_init(&s->grant);
    rig_url(url, "http", "127.0.0.1", server_port(s->server));
    struct credentials c = {.type = CREDENTIALS_OAUTH2,
                            .token_url = str_of(url),
                            .client_id = STR_LIT("i"),
                            .client_secret = STR_LIT("s")};
    grant_make(&s->grant, &c);
}

static void finish(struct scene *s)
{
    grants_fini(&s->grants);
    grant_fini(&s->grant);
    server_stop(s->server);
}

struct waiter {
    struct grant_wait *wait;
    struct grant_wait **cancels; /* another's, when this one is called */
    int calls;
    char token[32], error[200];
};

static void on_token(void *arg, const struct grant_result *r)
{
    struct waiter *w = arg;

    w->wait = NULL;
    w->calls++;
    snprintf(w->token, sizeof w->token, "%.*s", STR_FMT(r->token));
    snprintf(w->error, sizeof w->error, "%s", r->error);
    if (w->cancels != NULL) {
        grants_cancel(*w->cancels);
        *w->cancels = NULL;
    }
}

static struct id webhook(int n)
{
    struct id id = {0};
    memcpy(id.b, &n, sizeof n);
    return id;
}

static void ask_of(struct scene *s, struct id app, int n, struct waiter *w)
{
    struct grant_owner owner = {.app = app, .webhook = webhook(n), .timeout_ms = 5000};
    int calls = w->calls;

    w->wait = grants_start(&s->grants, &s->grant, &owner, on_token, w);
    assert_int_equal(w->calls, calls); /* never before it returns */
}

static void ask(struct scene *s, int n, struct waiter *w)
{
    ask_of(s, (struct id){{0}}, n, w);
}

static void await(struct scene *s, const struct waiter *w, int calls)
{
    for (int i = 0; i < 5000 && w->calls < calls; i++)
        rig_idle(s->rig, 1);
    assert_int_equal(w->calls, calls);
}

static bool has(struct scene *s, int n, const char *token)
{
    struct str found = grants_find(&s->grants, &s->grant, webhook(n));
    return token != NULL ? str_eq_text(found, token) : found.p == NULL;
}

static void test_one_answer_for_all(void **state)
{
    struct scene s;
    struct waiter w[5] = {0};

    begin(&s, *state, serve_tokens);
    assert_true(has(&s, 1, NULL));
    for (int i = 0; i < 5; i++)
        ask(&s, 1, &w[i]);
    for (int i = 0; i < 5; i++) {
        await(&s, &w[i], 1);
        assert_string_equal(w[i].token, "t1");
    }
    assert_int_equal(answered, 1);
    assert_true(has(&s, 1, "t1"));
    assert_true(has(&s, 2, NULL));
    grants_drop(&s.grants, webhook(1), STR_LIT("t0")); /* another's news */
    assert_true(has(&s, 1, "t1"));
    grants_drop(&s.grants, webhook(1), STR_LIT("t1"));
    assert_true(has(&s, 1, NULL));
    finish(&s);
}

static void test_what_fails_is_not_kept(void **state)
{
    struct scene s;
    struct waiter w = {0};

    begin(&s, *state, serve_refusals);
    for (int n = 1; n <= 2; n++) {
        ask(&s, 1, &w);
        await(&s, &w, n);
        assert_string_equal(w.error, "the token endpoint answered 403");
        assert_string_equal(w.token, "");
        assert_true(has(&s, 1, NULL));
        assert_int_equal(server_requests(s.server), n);
    }
    finish(&s);
}

/* By the callback of another too; and when nobody waits, nobody asks. */
static void test_cancelled(void **state)
{
    struct scene s;
    struct waiter w[3] = {0};

    begin(&s, *state, serve_tokens);
    for (int i = 0; i < 3; i++)
        ask(&s, 1, &w[i]);
    w[0].cancels = &w[1].wait;
    await(&s, &w[2], 1);
    assert_int_equal(w[0].calls, 1);
    assert_int_equal(w[1].calls, 0);
    finish(&s);

    begin(&s, *state, serve_nothing);
    ask(&s, 1, &w[0]);
    ask(&s, 1, &w[1]);
    grants_cancel(w[0].wait);
    grants_cancel(w[1].wait);
    grants_cancel(NULL);
    assert_int_equal(s.grants.by_webhook.count, 0);
    finish(&s);
}

/* With other credentials another token is asked for, also while the first is; both get their own. */
static void test_changed_meanwhile(void **state)
{
    struct scene s;
    struct waiter before = {0}, after = {0}, again = {0};

    begin(&s, *state, serve_tokens);
    ask(&s, 1, &before);
    s.grant.mark.b[0] ^= 1;
    ask(&s, 1, &after);
    await(&s, &before, 1);
    await(&s, &after, 1);
    assert_string_not_equal(before.token, after.token);
    assert_true(has(&s, 1, after.token));
    s.grant.mark.b[0] ^= 1;
    assert_true(has(&s, 1, NULL));
    ask(&s, 1, &again);
    await(&s, &again, 1);
    assert_true(has(&s, 1, "t3"));
    finish(&s);
}

/* As large as they may be. */
static void serve_large(struct peer *peer)
{
    static char token[GRANT_TOKEN_MAX + 1], body[GRANT_TOKEN_MAX + 200],
        text[GRANT_TOKEN_MAX + 400];

    memset(token, 't', GRANT_TOKEN_MAX);
    snprintf(body, sizeof body,
             "{\"token_type\":\"Bearer\",\"expires_in\":600,\"access_token\":\"%s\"}", token);
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
             body);
    while (peer_read(peer) && peer_write(peer, text))
        ;
}

static bool is_kept(struct scene *s, int n)
{
    return grants_find(&s->grants, &s->grant, webhook(n)).p != NULL;
}

/* By bytes; and of two apps neither pushes out what the other may have. */
static void test_bytes_are_bounded(void **state)
{
    struct scene s;
    struct waiter w = {0};
    struct id app = {{1}};
    int fit = GRANTS_BYTES_MAX / GRANT_TOKEN_MAX, n = 0;

    begin(&s, *state, serve_large);
    ask_of(&s, app, n++, &w);
    await(&s, &w, n);
    while (n < fit + 10) {
        ask(&s, n++, &w);
        await(&s, &w, n);
        assert_true(is_kept(&s, 1)); /* used now: the oldest is another */
    }
    assert_true(s.grants.idle.weight <= GRANTS_BYTES_MAX);
    assert_in_range(s.grants.by_webhook.count, fit / 4, fit);
    assert_true(is_kept(&s, 0) && is_kept(&s, n - 1));
    assert_false(is_kept(&s, 2));
    finish(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_one_answer_for_all), TEST(test_what_fails_is_not_kept), TEST(test_cancelled),
        TEST(test_changed_meanwhile),  TEST(test_bytes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
