/* base/cache: what is kept, and who makes room. */
#include "base/cache.h"

#include "unit.h"

#define COUNT 40

static struct kept {
    struct cache_entry entry;
    bool forgotten;
} kept[COUNT];

static struct cache cache;

static bool cache_has(const struct cache_entry *entry)
{
    return entry->owner != NULL;
}

static void on_forget(struct cache_entry *entry)
{
    assert_false(cache_has(entry));
    CONTAINER_OF(entry, struct kept, entry)->forgotten = true;
}

static int set_up(void **state)
{
    (void)state;
    memset(kept, 0, sizeof kept);
    cache_init(&cache, 100, on_forget);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cache_fini(&cache);
    for (int i = 0; i < COUNT; i++)
        assert_false(cache_has(&kept[i].entry));
    return 0;
}

static void add(int i, uint8_t owner, size_t weight)
{
    cache_add(&cache, &kept[i].entry, (struct id){{owner}}, weight);
    assert_true(cache.weight <= 100);
}

/* "1" for each that is kept. */
static void holds(const char *wanted)
{
    for (int i = 0; wanted[i] != '\0'; i++)
        if (cache_has(&kept[i].entry) != (wanted[i] == '1') ||
            kept[i].forgotten != (wanted[i] == '0'))
            fail_msg("%d of %s", i, wanted);
}

static void test_the_oldest_makes_room(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        add(i, 1, 20);
    holds("11111");
    cache_use(&kept[0].entry);
    add(5, 1, 30); /* what weighs more takes the room of more */
    holds("100111");
    assert_int_equal(cache.weight, 90);
}

static void test_who_has_the_most_makes_room(void **state)
{
    (void)state;
    add(0, 1, 10);
    add(1, 2, 20);
    for (int i = 2; i < 30; i++)
        add(i, 3, 10);
    assert_true(cache_has(&kept[0].entry) && cache_has(&kept[1].entry));
    for (int i = 22; i < 30; i++)
        assert_true(cache_has(&kept[i].entry) == (i >= 23));
    /* Who comes later has its part too: 40, 20 and 40. */
    for (int i = 30; i < 33; i++)
        add(i, 1, 10);
    assert_true(cache_has(&kept[0].entry) && cache_has(&kept[1].entry));
    for (int i = 23; i < 30; i++)
        assert_true(cache_has(&kept[i].entry) == (i >= 26));
    add(33, 1, 10);
    assert_false(cache_has(&kept[0].entry));
    assert_true(cache_has(&kept[26].entry));
}

static void test_too_heavy_alone(void **state)
{
    (void)state;
    add(0, 1, 10);
    add(1, 2, 101);
    holds("10");
    add(2, 2, 100);
    holds("100");
}

static void test_taken_out(void **state)
{
    (void)state;
    add(0, 1, 60);
    add(1, 2, 40);
    cache_take(&cache, &kept[0].entry);
    cache_take(&cache, &kept[0].entry);
    assert_false(kept[0].forgotten);
    assert_int_equal(cache.weight, 40);
    add(2, 3, 60);
    add(0, 1, 0);
    holds("111");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_the_oldest_makes_room),
        TEST(test_who_has_the_most_makes_room),
        TEST(test_too_heavy_alone),
        TEST(test_taken_out),
    };
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
