/* worker/tally: whose attempts are counted when there are more webhooks than it has room for. */
#include "worker/tally.h"

#include "unit.h"

static struct tally tally;

/* Attempts of so many webhooks that nobody knew; of how many it counts. */
static size_t counted(struct id app, size_t webhooks)
{
    size_t before = tally.of_webhooks.count;
    struct attempt a = {.ref.app = app, .finish.started_ms = 1};

    for (size_t i = 0; i < webhooks; i++) {
        a.webhook = id_new();
        tally_count(&tally, &a);
    }
    return tally.of_webhooks.count - before;
}

/* Three quarters to who has all webhooks there are; what is left, to others. */
static void no_app_takes_all(void **state)
{
    struct id first = id_new();
    (void)state;
    tally_init(&tally, NULL);
    assert_int_equal(counted(first, TALLY_WEBHOOKS_MAX), TALLY_WEBHOOKS_MAX / 4 * 3);
    assert_int_equal(counted(id_new(), 1000), 1000);
    assert_int_equal(counted(first, 1), 0);
    tally_fini(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_app_takes_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
