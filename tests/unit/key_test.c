/* core/key and core/idempotency: the texts of keys, and what requests are known by. */
#include "core/idempotency.h"
#include "core/key.h"

#include "unit.h"

static const struct id some_id = {
    {0x01, 0x90, 0xa1, 0xb2, 0xc3, 0xd4, 0x70, 0x01, 0x80, 2, 3, 4, 5}};

static void test_key(void **state)
{
    (void)state;
    uint8_t hash[SHA256_SIZE], again[SHA256_SIZE];
    struct buf text;
    struct id id;

    buf_init(&text, KEY_TEXT_MAX);
    key_make(some_id, &text, hash);
    assert_false(text.overflow);
    assert_true(key_parse(buf_str(&text), &id));
    assert_true(id_eq(id, some_id));
    crypto_sha256(buf_str(&text), again);
    assert_memory_equal(hash, again, sizeof hash);
    for (size_t i = 0; i < 31; i++) /* cut before anything of the secret */
        assert_false(key_parse((struct str){text.p, i}, &id));
    text.p[0] = 'P';
    assert_false(key_parse(buf_str(&text), &id));
    buf_fini(&text);
}

static void is(struct id got, const char *hex)
{
    struct id want;
    assert_true(id_parse_uuid(str_of(hex), &want));
    assert_true(id_eq(got, want));
}

/* They stand in the ledger for a day: another version of the program must make the same. */
static void test_idempotency_is_stable(void **state)
{
    (void)state;
    struct str parts[] = {STR_LIT("user.created"), {"", 1}, STR_LIT("{}"), {"", 1}, {"", 0}};

    is(idempotency_hash(parts, ARRAY_LEN(parts)), "438a43ea2e5663c452c835dc6c1cb145");
    is(idempotency_id(some_id, IDEMPOTENCY_EVENT, STR_LIT("k"), 0),
       "90a9fea1daba703dee8dd7ad57c9d1fc");
    is(idempotency_id(some_id, IDEMPOTENCY_BATCH, STR_LIT("k"), 7),
       "0f9da597512f123593b9df2dcc662bf9");
}

static void test_idempotency_differs(void **state)
{
    (void)state;
    struct id other = some_id;
    other.b[15] ^= 1;
    struct id ids[] = {
        idempotency_id(some_id, IDEMPOTENCY_EVENT, STR_LIT("k"), 0),
        idempotency_id(some_id, IDEMPOTENCY_EVENT, STR_LIT("l"), 0),
        idempotency_id(other, IDEMPOTENCY_EVENT, STR_LIT("k"), 0),
        idempotency_id(some_id, IDEMPOTENCY_BATCH, STR_LIT("k"), 0),
        idempotency_id(some_id, IDEMPOTENCY_BATCH, STR_LIT("k"), 1),
    };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        for (size_t j = 0; j < i; j++)
            assert_false(id_eq(ids[i], ids[j]));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_idempotency_is_stable),
        cmocka_unit_test(test_idempotency_differs),
    };
    return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
