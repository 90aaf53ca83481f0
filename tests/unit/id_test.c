/* base/id: UUIDv7 under a clock that the test sets, and the vectors of the TypeID specification. */
#include "base/id.h"

#include "base/clock.h"

#include "exact.h"
#include "unit.h"

#define AT 1701444600000

/* The linker puts this in the place of clock_wall_ms(). */
int64_t __wrap_clock_wall_ms(void);

static int64_t wall_ms = AT;

int64_t __wrap_clock_wall_ms(void)
{
    return wall_ms;
}

static void is_v7(struct id id)
{
    assert_int_equal(id.b[6] >> 4, 7);
    assert_int_equal(id.b[8] >> 6, 2);
}

static void test_new(void **state)
{
    (void)state;
    wall_ms = AT;
    struct id a = id_new(), b = id_new();
    is_v7(a);
    is_v7(b);
    assert_int_equal(id_time_ms(a), AT);
    assert_int_equal(id_time_ms(b), AT);
    assert_true(id_cmp(a, b) < 0);
    assert_memory_not_equal(a.b + 9, b.b + 9, 7);
    assert_true(id_eq(a, a));
    assert_false(id_eq(a, b));
}

/* 12 bits of counter run over in one millisecond; the next one is borrowed, and order holds. */
static void test_one_millisecond(void **state)
{
    (void)state;
    wall_ms = AT + 1000;
    struct id last = id_new();
    for (int i = 0; i < 20000; i++) {
        struct id id = id_new();
        is_v7(id);
        if (id_cmp(last, id) >= 0)
            fail_msg("id %d does not come after the one before", i);
        last = id;
    }
    int64_t borrowed = id_time_ms(last) - wall_ms;
    assert_in_range(borrowed, 4, 5);

    wall_ms += 2; /* still behind what was borrowed */
    struct id next = id_new();
    assert_true(id_cmp(last, next) < 0);
    wall_ms += 100;
    last = id_new();
    assert_int_equal(id_time_ms(last), wall_ms);
}

static void test_clock_goes_back(void **state)
{
    (void)state;
    wall_ms = AT + 5000;
    struct id before = id_new();
    wall_ms = AT;
    struct id after = id_new();
    assert_true(id_cmp(before, after) < 0);
    assert_int_equal(id_time_ms(after), AT + 5000);
    wall_ms = AT + 10000;
    assert_int_equal(id_time_ms(id_new()), AT + 10000);
}

/* A clock that ran ahead for hours and was put right: ids of the future would find no partition. */
static void test_clock_goes_far_back(void **state)
{
    (void)state;
    wall_ms = AT + 86400000;
    id_new();
    wall_ms = AT + 86400000 - 60000;
    assert_int_equal(id_time_ms(id_new()), AT + 86400000);
    wall_ms = AT + 20000;
    assert_int_equal(id_time_ms(id_new()), AT + 20000);
}

/* A fresh millisecond starts the counter in its lower quarter, which leaves room above. */
static void test_counter_start(void **state)
{
    (void)state;
    int different = 0, previous = -1;
    for (int i = 0; i < 200; i++) {
        wall_ms += 1000;
        struct id id = id_new();
        int counter = (id.b[6] & 15) << 8 | id.b[7];
        assert_in_range(counter, 0, 0x3ff);
        different += counter != previous ? 1 : 0;
        previous = counter;
    }
    assert_true(different > 150);
}

static void test_bounds(void **state)
{
    (void)state;
    wall_ms = 4000000000000;
    struct id id = id_new(), floor = id_floor(4000000000000), next = id_floor(4000000000001);
    assert_true(id_cmp(floor, id) < 0);
    assert_true(id_cmp(id, next) < 0);
    assert_true(id_cmp(next, id_last()) < 0);
    assert_int_equal(id_time_ms(floor), 4000000000000);
    assert_int_equal(id_time_ms(id_floor(0)), 0);
    static const uint8_t want[16] = {0x01, 0x8c, 0x26, 0x00, 0x40, 0xc0};
    assert_memory_equal(id_floor(AT).b, want, 16);
}

struct vector {
    const char *text;
    uint8_t bytes[16];
};

/* https://github.com/jetify-com/typeid/tree/main/spec, valid.yml */
static const struct vector valid[] = {
    {"prefix_00000000000000000000000000", {0}},
    {"prefix_00000000000000000000000001", {[15] = 1}},
    {"prefix_0000000000000000000000000a", {[15] = 10}},
    {"prefix_0000000000000000000000000g", {[15] = 16}},
    {"prefix_00000000000000000000000010", {[15] = 32}},
    {"prefix_7zzzzzzzzzzzzzzzzzzzzzzzzz",
     {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}},
    {"prefix_0123456789abcdefghjkmnpqrs",
     {0x01, 0x10, 0xc8, 0x53, 0x1d, 0x09, 0x52, 0xd8, 0xd7, 0x3e, 0x11, 0x94, 0xe9, 0x5b, 0x5f,
      0x19}},
    {"prefix_01h455vb4pex5vsknk084sn02q",
     {0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80,
      0x57}},
};

/* invalid.yml, where it is not about the prefix, and some more. */
static const char *const invalid[] = {
    "PREFIX_00000000000000000000000000",
    "prefix_1234567890123456789012345",
    "prefix_123456789012345678901234567",
    "prefix_1234567890123456789012345 ",
    "prefix_0123456789ABCDEFGHJKMNPQRS",
    "prefix_123456789-123456789-123456",
    "prefix_ooooooiiiiiiuuuuuuulllllll",
    "prefix_i23456789ol23456789oi23456",
    "prefix_123456789-0123456789-0123456",
    "prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "prefix_80000000000000000000000000",
    "prefix_z0000000000000000000000000",
    ("prefix_\xff"
     "0000000000000000000000000"),
    "prefix_0000000000000000000000000\xc3",
    "prefix-00000000000000000000000000",
    "prefix00000000000000000000000000",
    "prefi_00000000000000000000000000",
    "_00000000000000000000000000",
    "00000000000000000000000000",
    "prefix_",
    "prefix",
    "",
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        struct id id;
        char text[ID_TEXT_SIZE];
        struct str copy = exact_copy(str_of(valid[i].text));
        memcpy(id.b, valid[i].bytes, sizeof id.b);
        assert_string_equal(id_text(text, "prefix", id), valid[i].text);
        memset(id.b, 0xaa, sizeof id.b);
        assert_true(id_parse(copy, "prefix", &id));
        assert_memory_equal(id.b, valid[i].bytes, sizeof id.b);
        exact_free(copy);
    }
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        struct id id;
        struct str copy = exact_copy(str_of(invalid[i]));
        if (id_parse(copy, "prefix", &id))
            fail_msg("%s is accepted", invalid[i]);
        exact_free(copy);
    }
    struct id id;
    assert_false(id_parse(STR_LIT("prefix_0000000000000000000000000\0"), "prefix", &id));
}

static void test_prefixes(void **state)
{
    (void)state;
    static const char *const prefixes[] = {ID_WEBHOOK,  ID_EVENT, ID_TEST_EVENT,
                                           ID_DELIVERY, ID_APP,   ID_KEY};
    struct id id = id_new(), back;
    char text[ID_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        id_text(text, prefixes[i], id);
        for (size_t j = 0; j < ARRAY_LEN(prefixes); j++)
            assert_int_equal(id_parse(str_of(text), prefixes[j], &back), i == j);
        assert_true(id_parse(str_of(text), prefixes[i], &back));
        assert_true(id_eq(id, back));
    }
}

/* Text sorts as the bytes do. */
static void test_order(void **state)
{
    (void)state;
    char previous[ID_TEXT_SIZE], text[ID_TEXT_SIZE];
    id_text(previous, ID_EVENT, id_floor(0));
    for (int i = 0; i < 1000; i++) {
        wall_ms += i % 3;
        id_text(text, ID_EVENT, id_new());
        assert_true(strcmp(previous, text) < 0);
        memcpy(previous, text, sizeof previous);
    }
    assert_true(strcmp(text, id_text(previous, ID_EVENT, id_last())) < 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_one_millisecond),
        cmocka_unit_test(test_clock_goes_back),
        cmocka_unit_test(test_clock_goes_far_back),
        cmocka_unit_test(test_counter_start),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
