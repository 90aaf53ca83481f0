/* The resolver against a name server of the test. */
#include "unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "dns_server.h"
#include "io/dns_internal.h"
#include "io/loop_uv.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct dns_record records[] = {
    {"one.test", DNS_ANSWER, 30, {"192.0.2.1"}},
    {"two.test", DNS_ANSWER, 30, {"192.0.2.1", "192.0.2.2", "2001:db8::1"}},
    {"many.test",
     DNS_ANSWER,
     30,
     {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7",
      "192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.13",
      "192.0.2.14", "192.0.2.15", "192.0.2.16", "192.0.2.17", "192.0.2.18"}},
    {"empty.test", DNS_ANSWER, 30, {NULL}},
    {"brief.test", DNS_ALTERNATE, 0, {"192.0.2.1", "192.0.2.2"}},
    {"silent.test", DNS_SILENT, 0, {NULL}},
    {"half.test", DNS_SILENT_AAAA, 30, {"192.0.2.7", "2001:db8::7"}},
    {"other-half.test", DNS_SILENT_A, 30, {"192.0.2.7", "2001:db8::7"}},
    {"none.test", DNS_SILENT_AAAA, 30, {"2001:db8::7"}},
    {"refused.test", DNS_REFUSES, 0, {NULL}},
    {NULL, 0, 0, {NULL}},
};

#define LOOKUPS_MAX 256

static const struct id owner;

struct rig {
    struct loop *loop;
    struct dns *dns;
    struct dns_server *server;
};

struct answer {
    struct rig *rig;
    int calls, err;
    size_t count;
    char first[INET6_ADDRSTRLEN];
    const char *ask_next; /* asked for from inside the callback */
    struct answer *next;
    struct dns_op **cancel_next;
    bool destroy; /* the resolver, from inside the callback */
};

static void on_stop(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    struct rig *rig = xcalloc(1, sizeof *rig);
    rig->server = dns_server_start(records);
    rig->loop = loop_create(on_stop, NULL);
    rig->dns = dns_create(
        rig->loop, &(struct dns_config){dns_server_text(rig->server), LOOKUPS_MAX, LOOKUPS_MAX});
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    dns_destroy(rig->dns);
    loop_destroy(rig->loop);
    dns_server_stop(rig->server);
    free(rig);
    return 0;
}

static void on_dns(void *arg, int err, const struct sockaddr_storage *addresses, size_t count)
{
    struct answer *answer = arg;

    answer->calls++;
    answer->err = err;
    answer->count = count;
    if (count > 0)
        getnameinfo((const struct sockaddr *)addresses, sizeof *addresses, answer->first,
                    sizeof answer->first, NULL, 0, NI_NUMERICHOST);
    if (answer->cancel_next != NULL)
        dns_cancel(*answer->cancel_next);
    if (answer->ask_next != NULL)
        dns_start(answer->rig->dns, answer->ask_next, owner, 1000, on_dns, answer->next);
    if (answer->destroy) {
        dns_destroy(answer->rig->dns);
        answer->rig->dns = NULL;
    }
}

static void run_until(struct rig *rig, const struct answer *answer, int calls)
{
    int64_t end = clock_mono_ms() + 5000;
    while (answer->calls < calls && clock_mono_ms() < end)
        if (uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT) != 0 && answer->calls < calls)
            usleep(200);
    assert_int_equal(answer->calls, calls);
}

static struct answer resolve(struct rig *rig, const char *host)
{
    struct answer answer = {.rig = rig};
    dns_start(rig->dns, host, owner, 3000, on_dns, &answer);
    assert_int_equal(answer.calls, 0); /* never before it returns */
    run_until(rig, &answer, 1);
    return answer;
}

static void test_answers(void **state)
{
    struct rig *rig = *state;
    struct answer answer = resolve(rig, "one.test");

    assert_int_equal(answer.err, 0);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.first, "192.0.2.1");
    assert_int_equal(resolve(rig, "two.test").count, 3);
    assert_int_equal(resolve(rig, "many.test").count, DNS_ADDRESSES_MAX);
    assert_int_equal(resolve(rig, "missing.test").err, ERR_NOT_FOUND);
    assert_int_equal(resolve(rig, "empty.test").err, ERR_NOT_FOUND);
    assert_int_equal(resolve(rig, "refused.test").err, ERR_UNAVAILABLE);
}

static void test_hosts_file(void **state)
{
    struct answer answer = resolve(*state, "localhost");

    assert_int_equal(answer.err, 0);
    assert_true(strcmp(answer.first, "127.0.0.1") == 0 || strcmp(answer.first, "::1") == 0);
}

static void test_cache(void **state)
{
    struct rig *rig = *state;

    resolve(rig, "one.test");
    resolve(rig, "missing.test");
    int questions = dns_server_questions(rig->server);
    for (int i = 0; i < 100; i++) {
        assert_string_equal(resolve(rig, "one.test").first, "192.0.2.1");
        assert_int_equal(resolve(rig, "missing.test").err, ERR_NOT_FOUND);
    }
    assert_int_equal(dns_server_questions(rig->server), questions);
}

/* A name server that says "now" is believed for a second. */
static void test_short_ttl(void **state)
{
    struct rig *rig = *state;

    assert_string_equal(resolve(rig, "brief.test").first, "192.0.2.1");
    assert_string_equal(resolve(rig, "brief.test").first, "192.0.2.1");
    uv_sleep(1100);
    assert_string_equal(resolve(rig, "brief.test").first, "192.0.2.2");
}

/* Of servers that we belong to: who failed is asked again, and where a name led before it still leads when nobody answers. */
static void test_ours(void **state)
{
    static const struct dns_record silent[] = {{"brief.test", DNS_SILENT, 0, {NULL}},
                                               {NULL, 0, 0, {NULL}}};
    struct rig *rig = *state;

    dns_destroy(rig->dns);
    rig->dns = dns_create(rig->loop, &(struct dns_config){.servers = dns_server_text(rig->server),
                                                          .lookups_max = 1,
                                                          .per_owner = 1,
                                                          .ours = true});
    for (int i = 0; i < 2; i++) {
        int questions = dns_server_questions(rig->server);
        assert_int_equal(resolve(rig, "refused.test").err, ERR_UNAVAILABLE);
        assert_int_equal(resolve(rig, "missing.test").err, ERR_NOT_FOUND);
        assert_true(dns_server_questions(rig->server) >= questions + 4);
    }
    assert_string_equal(resolve(rig, "brief.test").first, "192.0.2.1");
    dns_server_stop(rig->server);
    rig->server = dns_server_start(silent);
    uv_sleep(1100);
    assert_string_equal(resolve(rig, "brief.test").first, "192.0.2.1");
}

static void test_shared(void **state)
{
    struct rig *rig = *state;
    struct answer answer = {.rig = rig};

    for (int i = 0; i < 50; i++)
        dns_start(rig->dns, "one.test", owner, 3000, on_dns, &answer);
    run_until(rig, &answer, 50);
    assert_int_equal(answer.err, 0);
    assert_int_equal(dns_server_questions(rig->server), 2); /* A and AAAA */
}

static void test_deadline(void **state)
{
    struct rig *rig = *state;
    struct answer answer = {.rig = rig};
    int64_t start = clock_mono_ms();

    dns_start(rig->dns, "silent.test", owner, 200, on_dns, &answer);
    run_until(rig, &answer, 1);
    assert_int_equal(answer.err, ERR_TIMEOUT);
    assert_in_range(clock_mono_ms() - start, 199, 500);
}

static void bound(struct rig *rig, int max, int per_owner)
{
    dns_destroy(rig->dns);
    rig->dns =
        dns_create(rig->loop, &(struct dns_config){dns_server_text(rig->server), max, per_owner});
}

/* They wait their turn, and have it. */
static void test_too_many(void **state)
{
    struct rig *rig = *state;
    struct answer answer = {.rig = rig};

    bound(rig, 3, 2);
    for (int i = 0; i < 100; i++) {
        struct id of = {{(uint8_t)(i % 5)}};
        char host[32];
        snprintf(host, sizeof host, "x%d.missing.test", i % 60);
        dns_start(rig->dns, host, of, 3000, on_dns, &answer);
    }
    run_until(rig, &answer, 100);
    assert_int_equal(answer.err, ERR_NOT_FOUND);
    assert_in_range(dns_server_questions(rig->server), 120, 200);
}

/* Of an owner whose names nobody answers for, one lookup after the other ends in vain; others have their answers. */
static void test_shares(void **state)
{
    struct rig *rig = *state;
    struct id mine = {{1}}, others = {{2}};
    struct answer asked = {.rig = rig}, waiting = {.rig = rig}, answer = {.rig = rig};

    bound(rig, 5, 4);
    for (int i = 0; i < 10; i++) {
        char host[32];
        snprintf(host, sizeof host, "%d.silent.test", i);
        struct dns_op *op = dns_start(rig->dns, host, mine, 300, on_dns, i < 4 ? &asked : &waiting);
        assert_int_equal(dns_waits(op), i >= 4);
    }
    int64_t start = clock_mono_ms();
    for (int i = 0; i < 20; i++) {
        char host[32];
        snprintf(host, sizeof host, "y%d.missing.test", i);
        dns_start(rig->dns, host, others, 3000, on_dns, &answer);
    }
    run_until(rig, &answer, 20);
    assert_int_equal(answer.err, ERR_NOT_FOUND);
    assert_true(clock_mono_ms() - start < 250);
    run_until(rig, &waiting, 6);
    assert_int_equal(waiting.err, ERR_BUSY);
    run_until(rig, &asked, 4);
    assert_int_equal(asked.err, ERR_TIMEOUT);
    assert_int_equal(dns_server_questions(rig->server), 2 * 4 + 2 * 20);
}

static void test_cancel_waiting(void **state)
{
    struct rig *rig = *state;
    struct answer silent = {.rig = rig}, never = {.rig = rig}, answer = {.rig = rig};
    struct dns_op *ops[8];

    bound(rig, 1, 1);
    struct dns_op *first = dns_start(rig->dns, "silent.test", owner, 100, on_dns, &silent);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        ops[i] = dns_start(rig->dns, i % 2 == 0 ? "one.test" : "two.test",
                           (struct id){{(uint8_t)i}}, 3000, on_dns, &never);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        dns_cancel(ops[i]);
    dns_start(rig->dns, "two.test", owner, 200, on_dns, &answer);
    run_until(rig, &silent, 1);
    assert_non_null(first);
    run_until(rig, &answer, 1);
    assert_int_equal(answer.err, ERR_BUSY);
    assert_int_equal(never.calls, 0);
}

static void test_one_family(void **state)
{
    static const struct {
        const char *host, *first;
        int err, within_ms;
    } rows[] = {
        {"half.test", "192.0.2.7", 0, 600},
        {"other-half.test", "2001:db8::7", 0, 1600},
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int again = 0; again < 2; again++) {
            int64_t start = clock_mono_ms();
            struct answer answer = resolve(rig, rows[i].host);
            assert_int_equal(answer.err, rows[i].err);
            assert_int_equal(answer.count, 1);
            assert_string_equal(answer.first, rows[i].first);
            assert_true(clock_mono_ms() - start < (again ? 100 : rows[i].within_ms));
        }
    assert_int_equal(resolve(rig, "none.test").err, ERR_TIMEOUT);
}

static void test_eviction(void **state)
{
    struct rig *rig = *state;

    resolve(rig, "one.test");
    for (int i = 0; i < DNS_NAMES_MAX / 64; i++) {
        struct answer answer = {.rig = rig};
        for (int j = 0; j < 64; j++) {
            char host[32];
            snprintf(host, sizeof host, "127.0.%d.%d", i, j); /* answered without a server */
            dns_start(rig->dns, host, owner, 3000, on_dns, &answer);
        }
        run_until(rig, &answer, 64);
        assert_int_equal(answer.err, 0);
    }
    int questions = dns_server_questions(rig->server);
    assert_int_equal(resolve(rig, "one.test").err, 0);
    assert_int_equal(dns_server_questions(rig->server), questions + 2);
}

static void test_no_search(void **state)
{
    struct rig *rig = *state;

    dns_destroy(rig->dns);
    setenv("LOCALDOMAIN", "test", 1);
    rig->dns = dns_create(
        rig->loop, &(struct dns_config){dns_server_text(rig->server), LOOKUPS_MAX, LOOKUPS_MAX});
    unsetenv("LOCALDOMAIN");
    assert_int_equal(resolve(rig, "one").err, ERR_NOT_FOUND);
    assert_int_equal(dns_server_questions(rig->server), dns_server_unknown(rig->server));
}

static void test_cancel(void **state)
{
    struct rig *rig = *state;
    struct answer never = {.rig = rig}, answer = {.rig = rig};
    struct dns_op *op = dns_start(rig->dns, "two.test", owner, 3000, on_dns, &never);

    dns_start(rig->dns, "two.test", owner, 3000, on_dns, &answer);
    dns_cancel(op);
    dns_cancel(NULL);
    run_until(rig, &answer, 1);
    assert_int_equal(never.calls, 0);

    /* A known name, and from inside a callback of the same batch. */
    answer.cancel_next = &op;
    dns_start(rig->dns, "two.test", owner, 3000, on_dns, &answer);
    op = dns_start(rig->dns, "two.test", owner, 3000, on_dns, &never);
    run_until(rig, &answer, 2);
    uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT);
    assert_int_equal(never.calls, 0);
}

static void test_ask_in_callback(void **state)
{
    struct rig *rig = *state;
    struct answer second = {.rig = rig};
    struct answer first = {.rig = rig, .ask_next = "one.test", .next = &second};

    dns_start(rig->dns, "one.test", owner, 3000, on_dns, &first);
    run_until(rig, &second, 1);
    assert_string_equal(second.first, "192.0.2.1");
}

/* Nothing calls back any more, whatever the loop still does. */
static void expect_silence(struct rig *rig, const struct answer *others)
{
    for (int i = 0; i < 50; i++, usleep(1000))
        uv_run(loop_uv(rig->loop), UV_RUN_NOWAIT);
    assert_int_equal(others->calls, 0);
}

/* Waiting for the next turn, for an answer that comes, and for one that does not. */
static void start_some(struct rig *rig, struct answer *others)
{
    dns_start(rig->dns, "127.0.0.1", owner, 3000, on_dns, others);
    dns_start(rig->dns, "one.test", owner, 3000, on_dns, others);
    dns_start(rig->dns, "two.test", owner, 3000, on_dns, others);
    dns_start(rig->dns, "silent.test", owner, 3000, on_dns, others);
}

static void test_destroy(void **state)
{
    struct rig *rig = *state;
    struct answer others = {.rig = rig};

    start_some(rig, &others);
    dns_destroy(rig->dns);
    rig->dns = NULL;
    expect_silence(rig, &others);
}

static void test_destroy_in_callback(void **state)
{
    struct rig *rig = *state;
    struct answer others = {.rig = rig};
    struct answer first = {.rig = rig, .destroy = true};

    resolve(rig, "one.test"); /* which answers in the next turn from now on */
    dns_start(rig->dns, "one.test", owner, 3000, on_dns, &first);
    start_some(rig, &others);
    run_until(rig, &first, 1);
    assert_string_equal(first.first, "192.0.2.1");
    expect_silence(rig, &others);
}

static void test_destroy_at_deadline(void **state)
{
    struct rig *rig = *state;
    struct answer others = {.rig = rig};
    struct answer first = {.rig = rig, .destroy = true};

    dns_start(rig->dns, "silent.test", owner, 20, on_dns, &first);
    dns_start(rig->dns, "silent.test", owner, 20, on_dns, &others);
    dns_start(rig->dns, "silent.test", owner, 3000, on_dns, &others);
    run_until(rig, &first, 1);
    assert_int_equal(first.err, ERR_TIMEOUT);
    expect_silence(rig, &others);
}

static void test_destroy_while_waiting(void **state)
{
    struct rig *rig = *state;
    struct answer others = {.rig = rig};
    struct answer first = {.rig = rig, .destroy = true};

    bound(rig, 2, 1);
    for (int i = 0; i < 30; i++) {
        char host[32];
        snprintf(host, sizeof host, "%d.silent.test", i % 20);
        dns_start(rig->dns, host, (struct id){{(uint8_t)(i % 3)}}, i == 25 ? 50 : 3000, on_dns,
                  i == 25 ? &first : &others);
    }
    run_until(rig, &first, 1);
    assert_int_equal(first.err, ERR_BUSY);
    expect_silence(rig, &others);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_hosts_file),
        TEST(test_cache),
        TEST(test_short_ttl),
        TEST(test_ours),
        TEST(test_shared),
        TEST(test_deadline),
        TEST(test_too_many),
        TEST(test_shares),
        TEST(test_cancel_waiting),
        TEST(test_one_family),
        TEST(test_eviction),
        TEST(test_no_search),
        TEST(test_cancel),
        TEST(test_ask_in_callback),
        TEST(test_destroy_in_callback),
        TEST(test_destroy),
        TEST(test_destroy_at_deadline),
        TEST(test_destroy_while_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
