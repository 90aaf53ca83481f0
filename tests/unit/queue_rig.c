/* Queues against the test's own Redis, claimed from and waited for one call at a time. */
#include "queue_rig.h"

#include "base/err.h"

struct queue_rig rig;

const struct id app = {{1}};
const struct id hook = {"hook"};

static void on_wake(void *arg)
{
    (void)arg;
    rig.wakes++;
}

static void on_up(void *arg)
{
    (void)arg;
    rig.ups++;
}

static void on_down(void *arg)
{
    (void)arg;
    rig.downs++;
}

int rig_begin(void **state)
{
    (void)state;
    redis_server_init(&rig.server);
    return 0;
}

int rig_end(void **state)
{
    (void)state;
    redis_server_fini(&rig.server);
    return 0;
}

struct queue *rig_open(int64_t owner)
{
    return rig_open_url(rig.server.url, owner);
}

struct queue *rig_open_url(const char *url, int64_t owner)
{
    int ups = rig.ups, wakes = rig.wakes;
    struct queue *queue = queue_create(
        rig.loop,
        &(struct queue_config){
            .url = url, .owner = owner, .on_wake = on_wake, .on_up = on_up, .on_down = on_down});
    WAIT(rig.loop, rig.ups > ups && rig.wakes > wakes, 3000);
    assert_int_equal(rig.ups, ups + 1);
    return queue;
}

void rig_fill(void)
{
    int wakes = rig.wakes;
    queue_set_gates(rig.queue, NULL, 0, true);
    WAIT(rig.loop, rig.wakes > wakes, 3000);
    assert_true(rig.wakes > wakes);
}

int rig_set_up(void **state)
{
    (void)state;
    rig.loop = loop_create(NULL, NULL);
    rig.ups = rig.downs = rig.wakes = 0;
    memset(&rig.claimed, 0, sizeof rig.claimed);
    memset(&rig.swept, 0, sizeof rig.swept);
    if (rig.server.pid == 0)
        redis_server_start(&rig.server);
    redis_server_say(&rig.server, "FLUSHALL");
    rig.queue = rig_open(1);
    rig_fill();
    rig.wakes = 0;
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    queue_destroy(rig.queue);
    rig.queue = NULL;
    loop_destroy(rig.loop);
    return 0;
}

void settle(void)
{
    WAIT(rig.loop, queue_pending(rig.queue) == 0, 5000);
    assert_int_equal(queue_pending(rig.queue), 0);
}

void put_of(struct id of, struct id delivery, struct id webhook, int64_t delay_ms, int concurrency,
            int rate)
{
    struct queue_entry entry = {{delivery, webhook, of}, delay_ms, concurrency, rate};
    queue_enqueue(rig.queue, &entry, 1, QUEUE_GENTLE);
}

void put(struct id delivery, struct id webhook, int64_t delay_ms, int concurrency, int rate)
{
    put_of(app, delivery, webhook, delay_ms, concurrency, rate);
}

void put_many_of(struct id of, struct id webhook, int count, int concurrency)
{
    for (int i = 0; i < count; i++)
        put_of(of, id_new(), webhook, 0, concurrency, 0);
    settle();
}

void put_many(struct id webhook, int count, int concurrency, int rate)
{
    for (int i = 0; i < count; i++)
        put(id_new(), webhook, 0, concurrency, rate);
    settle();
}

void rig_on_claim(void *arg, int err, const struct queue_claim *claim)
{
    (void)arg;
    rig.claimed.calls++;
    rig.claimed.err = err;
    assert_true((err == 0) == (claim != NULL));
    rig.claimed.count = rig.claimed.ahead_count = 0;
    if (claim == NULL)
        return;
    assert_true(claim->count + claim->ahead_count <= QUEUE_CLAIM_MAX);
    rig.claimed.count = claim->count;
    rig.claimed.ahead_count = claim->ahead_count;
    if (claim->ahead_count > 0)
        memcpy(rig.claimed.ahead, claim->ahead, claim->ahead_count * sizeof *claim->ahead);
    rig.claimed.next_ms = claim->next_ms;
    rig.claimed.crowded = claim->crowded;
    if (claim->count > 0)
        memcpy(rig.claimed.refs, claim->refs, claim->count * sizeof *claim->refs);
}

static void claim_once(const struct queue_room *room)
{
    int calls = rig.claimed.calls;
    queue_claim(rig.queue, room, rig_on_claim, NULL);
    assert_int_equal(rig.claimed.calls, calls);
    WAIT(rig.loop, rig.claimed.calls == calls + 1, 3000);
    assert_int_equal(rig.claimed.calls, calls + 1);
    assert_int_equal(rig.claimed.err, 0);
}

size_t claim_room(const struct queue_room *room)
{
    claim_once(room);
    assert_true(rig.claimed.count <= room->max);
    if (rig.claimed.count > 0 || rig.claimed.next_ms != 0)
        return rig.claimed.count;
    claim_once(room);
    assert_true(rig.claimed.count > 0 || rig.claimed.next_ms != 0);
    return rig.claimed.count;
}

size_t claim(size_t max)
{
    return claim_room(&(struct queue_room){.max = max, .free = 1000000});
}

int claimed_of(struct id endpoint)
{
    int count = 0;
    for (size_t i = 0; i < rig.claimed.count; i++)
        count += id_eq(rig.claimed.refs[i].endpoint, endpoint);
    return count;
}

int claimed_of_app(struct id of)
{
    int count = 0;
    for (size_t i = 0; i < rig.claimed.count; i++)
        count += id_eq(rig.claimed.refs[i].app, of);
    return count;
}

void ack(struct queue_ref ref, int64_t delay_ms)
{
    queue_ack(rig.queue, &(struct queue_ack){ref, delay_ms}, 1);
}

void ack_news(struct queue_ref ref, int64_t delay_ms, int what, int64_t pause_ms)
{
    struct queue_ack a = {ref, delay_ms, {.what = what, .pause_ms = (int32_t)pause_ms}};
    if (what & GATE_FAILED)
        a.news.error = 6;
    queue_ack(rig.queue, &a, 1);
}

void rig_on_sweep(void *arg, int err, const struct queue_swept *result)
{
    (void)arg;
    rig.swept.calls++;
    rig.swept.err = err;
    if (result == NULL)
        return;
    rig.swept.rebuilds += result->rebuild;
    rig.swept.gate_count = result->gate_count;
    assert_true(result->gate_count <= RIG_GATES_MAX);
    if (result->gate_count > 0)
        memcpy(rig.swept.gates, result->gates, result->gate_count * sizeof *result->gates);
}

void sweep(struct queue *which)
{
    int calls = rig.swept.calls;
    queue_sweep(which, rig_on_sweep, NULL);
    WAIT(rig.loop, rig.swept.calls == calls + 1, 3000);
    assert_int_equal(rig.swept.calls, calls + 1);
    assert_int_equal(rig.swept.err, 0);
}

void end_one(int what, int64_t pause_ms)
{
    put(id_new(), hook, 0, 32, 0);
    settle();
    assert_int_equal(claim(1), 1);
    assert_true(id_eq(rig.claimed.refs[0].endpoint, hook));
    ack_news(rig.claimed.refs[0], QUEUE_OUT, what, pause_ms);
    settle();
}

void end_all(int what)
{
    for (size_t i = 0; i < rig.claimed.count; i++)
        ack_news(rig.claimed.refs[i], 0, what, 0);
    settle();
}

void break_it(void)
{
    put_many(hook, 200, 32, 0);
    assert_int_equal(claim(GATE_STREAK), GATE_STREAK);
    end_all(DEAD);
}

void let_pass(struct id endpoint, int64_t ms)
{
    redis_server_sayf(
        &rig.server, "EVAL %s 0 %b %lld",
        "local P, e, ms = 'posthorn:{q}:', ARGV[1], tonumber(ARGV[2]) "
        "local g, i = redis.call('HGET', P..'gates', e), 0 "
        "if g then redis.call('HSET', P..'gates', e, (string.gsub(g, '%d+', function(n) "
        "i = i + 1 "
        "return (i <= 3 or i == 9) and n ~= '0' and string.format('%d', n - ms) or n "
        "end))) end "
        "local t = redis.call('HGET', P..'told', e) "
        "if t then local h, opens, at = string.match(t, '(%d+) (%d+) (%d+)') "
        "redis.call('HSET', P..'told', e, string.format('%d %d %d', h, math.max(0, opens - ms), at - ms)) end "
        "for _, ring in ipairs(redis.call('KEYS', P..'ring:*')) do "
        "local turn = redis.call('ZSCORE', ring, e) "
        "if turn then redis.call('ZADD', ring, turn - 1000 * ms, e) "
        "redis.call('ZADD', P..'apps', redis.call('ZRANGE', ring, 0, 0, 'WITHSCORES')[2], "
        "string.sub(ring, -16)) end end return 1",
        endpoint.b, sizeof endpoint.b, (long long)ms);
}

const struct queue_gate *told(struct id endpoint)
{
    sweep(rig.queue);
    for (size_t i = 0; i < rig.swept.gate_count; i++)
        if (id_eq(rig.swept.gates[i].endpoint, endpoint))
            return &rig.swept.gates[i];
    return NULL;
}

void assert_clean(void)
{
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:apps"), 0);
    assert_int_equal(redis_server_say(&rig.server, "ZCARD posthorn:{q}:inflight"), 0);
    assert_int_equal(redis_server_say(&rig.server, "HLEN posthorn:{q}:slots"), 0);
}
