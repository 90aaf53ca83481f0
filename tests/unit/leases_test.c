/* worker/leases: what the queue gives out that is in hand already. The queue is the test's own. */
#include "worker/leases.h"

#include "unit.h"

#define TOKEN 7

static struct queue_ack told;
static int told_count;

/* What was asked last, plainly and whole. */
static struct {
    int plain, whole;
    struct id first;
    size_t count;
    int64_t token;
    db_cb *cb;
    void *arg;
} asked;

static struct queue_ref chosen;
static db_cb *on_chosen;
static void *chooser;

void __wrap_queue_ack(struct queue *queue, const struct queue_ack *acks, size_t count);
struct db_op *__wrap_work_claim(struct db *db, const struct id *ids, size_t count, int64_t token,
                                int64_t owner, int64_t bytes, db_cb *cb, void *arg);
struct db_op *__wrap_work_claim_plain(struct db *db, const struct id *ids, size_t count,
                                      int64_t token, int64_t owner, db_cb *cb, void *arg);
struct db_op *__wrap_work_waiting(struct db *db, const struct id *ids, size_t count, db_cb *cb,
                                  void *arg);
struct db_op *__wrap_work_claim_due(struct db *db, const struct work_ask *ask, int64_t token,
                                    int64_t owner, db_cb *cb, void *arg);
size_t __wrap_claims_read_due(const struct db_rows *rows, struct work_due *due,
                              struct queue_ref *refs);
struct db_op *__wrap_work_release(struct db *db, const struct id *ids, size_t count, int64_t token,
                                  db_cb *cb, void *arg);
void __wrap_claims_read(const struct db_rows *rows, int row, struct claim *c);
size_t __wrap_claims_bytes(const struct db_rows *rows);
int __wrap_db_count(const struct db_rows *rows);

/* What a claim brings. */
static struct claim found[2];
static int found_count;
static size_t handed_over, released;

void __wrap_queue_ack(struct queue *queue, const struct queue_ack *acks, size_t count)
{
    (void)queue;
    told = acks[0];
    told_count += (int)count;
}

static void note(const struct id *ids, size_t count, int64_t token, db_cb *cb, void *arg)
{
    asked.first = ids[0];
    asked.count = count;
    asked.token = token;
    asked.cb = cb;
    asked.arg = arg;
}

struct db_op *__wrap_work_claim(struct db *db, const struct id *ids, size_t count, int64_t token,
                                int64_t owner, int64_t bytes, db_cb *cb, void *arg)
{
    (void)db;
    (void)owner;
    (void)bytes;
    asked.whole++;
    note(ids, count, token, cb, arg);
    return NULL;
}

struct db_op *__wrap_work_claim_plain(struct db *db, const struct id *ids, size_t count,
                                      int64_t token, int64_t owner, db_cb *cb, void *arg)
{
    (void)db;
    (void)owner;
    asked.plain++;
    note(ids, count, token, cb, arg);
    return NULL;
}

struct db_op *__wrap_work_waiting(struct db *db, const struct id *ids, size_t count, db_cb *cb,
                                  void *arg)
{
    (void)db;
    note(ids, count, 0, cb, arg);
    return NULL;
}

struct db_op *__wrap_work_claim_due(struct db *db, const struct work_ask *ask, int64_t token,
                                    int64_t owner, db_cb *cb, void *arg)
{
    (void)db;
    (void)ask;
    (void)token;
    (void)owner;
    on_chosen = cb;
    chooser = arg;
    return NULL;
}

size_t __wrap_claims_read_due(const struct db_rows *rows, struct work_due *due,
                              struct queue_ref *refs)
{
    (void)rows;
    *due = (struct work_due){.mine = true};
    refs[0] = chosen;
    return 1;
}

struct db_op *__wrap_work_release(struct db *db, const struct id *ids, size_t count, int64_t token,
                                  db_cb *cb, void *arg)
{
    (void)db;
    released += count;
    note(ids, count, token, cb, arg);
    return NULL;
}

void __wrap_claims_read(const struct db_rows *rows, int row, struct claim *c)
{
    (void)rows;
    *c = found[row];
}

size_t __wrap_claims_bytes(const struct db_rows *rows)
{
    (void)rows;
    return 0;
}

int __wrap_db_count(const struct db_rows *rows)
{
    (void)rows;
    return found_count;
}

static void on_end(void *arg, const struct claim *claims, size_t count, int64_t token)
{
    (void)arg;
    (void)claims;
    (void)token;
    handed_over += count;
}

static void on_taken_over(void *arg)
{
    (void)arg;
}

/* An attempt ended, and the queue was told so before it is recorded; then an api's word of the delivery comes late, and
 * puts it in once more. In flight it would take its endpoint's room until its lease runs out. */
static void what_is_over_goes_out_again(void **state)
{
    static struct places places;
    struct leases leases;
    struct queue_ref ref = {.delivery = {{1}}, .endpoint = {{2}}, .app = {{3}}};
    struct queue_claim claim = {.refs = &ref, .count = 1};

    (void)state;
    places_init(&places, 10, 1000);
    leases_init(&leases, &(struct leases_config){
                             .places = &places, .on_end = on_end, .on_taken_over = on_taken_over});
    places_take(&places, &ref, 1, TOKEN);
    leases_claim(&leases, &claim);
    assert_int_equal(told_count, 0); /* it is told when it is recorded */
    places_over(&places, ref.delivery);
    leases_claim(&leases, &claim);
    assert_int_equal(told_count, 1);
    assert_memory_equal(&told.ref, &ref, sizeof ref);
    assert_int_equal(told.delay_ms, QUEUE_OUT);
    assert_int_equal(told.news.what, 0);
    assert_int_equal(leases.statements, 0);
    places_give_back(&places, ref.delivery);
    leases_fini(&leases);
    places_fini(&places);
}

static void on_due(void *arg, int err, const struct work_due *due, size_t count)
{
    (void)arg;
    (void)err;
    (void)due;
    (void)count;
}

/* A crash of PostgreSQL undid a claim; without the queue it leases the same delivery to the same worker once more, who has
 * it in hand. Nobody has that lease: if the ledger were told that it has ended, it would stand for 75 seconds. */
static void what_is_in_hand_is_taken_back(void **state)
{
    static struct places places;
    struct leases leases;
    struct work_ask ask = {0};

    (void)state;
    chosen = (struct queue_ref){.delivery = {{1}}, .endpoint = {{2}}, .app = {{3}}};
    places_init(&places, 10, 1000);
    leases_init(&leases, &(struct leases_config){
                             .places = &places, .on_end = on_end, .on_taken_over = on_taken_over});
    places_take(&places, &chosen, 1, TOKEN);
    leases_claim_due(&leases, &ask, on_due, NULL);
    on_chosen(chooser, 0, NULL);
    assert_int_equal(leases.statements, 0);
    assert_int_equal(places.tokens.ended_count, 0);
    places_give_back(&places, chosen.delivery);
    assert_int_equal(places.tokens.ended_count, 1); /* as of any claim */
    leases_fini(&leases);
    places_fini(&places);
}

static struct queue_ref ref_of(int n)
{
    return (struct queue_ref){.delivery = {{(uint8_t)n}}, .endpoint = {{2}}, .app = {{3}}};
}

/* PostgreSQL answers with no row to what was asked last. */
static void answer(void)
{
    asked.cb(asked.arg, 0, NULL);
}

static void propose(struct leases *leases, int from, size_t count)
{
    struct queue_ref refs[LEASES_MAX];

    for (size_t i = 0; i < count; i++)
        refs[i] = ref_of(from + (int)i);
    leases_claim(leases, &(struct queue_claim){.refs = refs, .count = count});
}

/* Few are claimed as what is plain. What that leaves out is claimed whole, by a claim of its own that has the place with it,
 * and so are the next; it is asked about only after that. */
static void what_is_not_plain_is_claimed_whole(void **state)
{
    static struct places places;
    struct leases leases;

    (void)state;
    places_init(&places, 100, 1000);
    leases_init(&leases, &(struct leases_config){
                             .places = &places, .on_end = on_end, .on_taken_over = on_taken_over});
    propose(&leases, 1, 2);
    assert_int_equal(asked.plain, 1);
    assert_int_equal(asked.count, 2);
    int64_t token = asked.token;
    answer();
    assert_int_equal(asked.plain, 1);
    assert_int_equal(asked.whole, 1);
    assert_int_equal(asked.count, 2);
    assert_true(id_eq(asked.first, ref_of(1).delivery));
    assert_true(asked.token != token);
    assert_true(places_has(&places, ref_of(1).delivery));
    assert_false(tokens_have(&places.tokens, token));
    assert_true(tokens_have(&places.tokens, asked.token));
    token = asked.token;
    told_count = 0;
    answer();
    assert_false(places_has(&places, ref_of(1).delivery));
    assert_int_equal(told_count, 0);
    answer(); /* that nothing of it waits: others may have it, and its retry is theirs */
    assert_int_equal(told_count, 2);
    assert_int_equal(told.delay_ms, QUEUE_OUT);
    assert_true(told.refused);
    assert_false(tokens_have(&places.tokens, token));
    assert_int_equal(leases.statements, 0);

    propose(&leases, 3, 1);
    assert_int_equal(asked.plain, 1);
    assert_int_equal(asked.whole, 2);
    for (int i = 0; i < 50 && asked.plain == 1; i++) {
        answer();
        answer();
        propose(&leases, 3, 1);
    }
    assert_int_equal(asked.plain, 2);
    assert_int_equal(asked.whole, 15);
    answer();
    answer();
    answer();
    propose(&leases, 10, WORK_PLAIN_MAX + 1);
    assert_int_equal(asked.plain, 2);
    assert_int_equal(asked.count, WORK_PLAIN_MAX + 1);
    answer();
    answer();
    leases_fini(&leases);
    places_fini(&places);
}

/* Two deliveries that workers ended with, of an endpoint that always has all the requests under way that it may, so that
 * all is claimed ahead: one of them goes. */
static void what_goes_alone_is_claimed_ahead_too(void **state)
{
    static struct places places;
    struct leases leases;
    struct queue_ref refs[] = {ref_of(1), ref_of(2)};

    (void)state;
    places_init(&places, 10, 1000);
    leases_init(&leases, &(struct leases_config){
                             .places = &places, .on_end = on_end, .on_taken_over = on_taken_over});
    for (int i = 0; i < 2; i++)
        found[i] = (struct claim){.ref = refs[i],
                                  .state = DELIVERY_PENDING,
                                  .fits = true,
                                  .alone = true,
                                  .batch_max = 1,
                                  .content.data = STR_LIT("{}")};
    leases_claim(&leases, &(struct queue_claim){.ahead = refs, .ahead_count = 2});
    found_count = 2;
    answer();
    assert_int_equal(handed_over, 1);
    assert_true(places_is_ahead(&places, refs[0].delivery));
    assert_int_equal(released, 1);
    assert_true(id_eq(asked.first, refs[1].delivery));
    found_count = 0;
    answer();
    assert_int_equal(leases.statements, 0);
    places_give_back(&places, refs[0].delivery);
    leases_fini(&leases);
    places_fini(&places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_over_goes_out_again),
        cmocka_unit_test(what_is_in_hand_is_taken_back),
        cmocka_unit_test(what_is_not_plain_is_claimed_whole),
        cmocka_unit_test(what_goes_alone_is_claimed_ahead_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
