/* base/idmap against a plain array, through many lives. */
#include "base/idmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define IDS 500

static void empty(void **state)
{
    struct idmap map = {0};
    (void)state;
    assert_null(idmap_get(&map, id_new()));
    idmap_set(&map, id_new(), NULL);
    assert_null(idmap_next(&map, NULL));
    assert_int_equal(map.room, 0);
    idmap_fini(&map);
}

static size_t walk(const struct idmap *map)
{
    size_t count = 0;
    for (const struct idmap_slot *s = NULL; (s = idmap_next(map, s)) != NULL;)
        count++;
    return count;
}

/* Half of the ids differ in one byte only: they probe past one another. */
static void like_an_array(void **state)
{
    struct idmap map = {0};
    struct id ids[IDS];
    char *there[IDS] = {NULL}, values[IDS];
    unsigned seed = 3;
    size_t count = 0;
    (void)state;

    for (int i = 0; i < IDS; i++)
        ids[i] = i % 2 ? id_new() : (struct id){{[3] = (uint8_t)i, [9] = (uint8_t)(i >> 8)}};
    for (int step = 0; step < 200000; step++) {
        int i = rand_r(&seed) % (step / 40000 % 2 ? 30 : IDS);
        char *value = rand_r(&seed) % 3 ? &values[i] : NULL;
        count += (size_t)(value != NULL) - (size_t)(there[i] != NULL);
        idmap_set(&map, ids[i], there[i] = value);
        int j = rand_r(&seed) % IDS;
        assert_ptr_equal(idmap_get(&map, ids[j]), there[j]);
        assert_int_equal(map.count, count);
    }
    assert_int_equal(walk(&map), count);
    for (int i = 0; i < IDS; i++)
        idmap_set(&map, ids[i], NULL);
    assert_int_equal(map.count, 0);
    assert_true(map.room <= 16);
    idmap_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(empty), cmocka_unit_test(like_an_array)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
