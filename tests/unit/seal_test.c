/* core/seal: which key, which place, and what was sealed before there were either. */
#include "core/settings.h"
#include "core/webhook.h"
#include "core/webhook_options.h"

#include "unit.h"

#include "base/err.h"

#define KEY_ONE "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
#define KEY_TWO "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="

static struct settings one, two,
    both; /* the last seals with the second, and opens the first's too */
static const struct id here = {{1, 2, 3}}, there = {{1, 2, 4}};

static int set_up(void **state)
{
    (void)state;
    assert_true(seal_keys_add(&one.seal_keys, STR_LIT(KEY_ONE)));
    assert_true(seal_keys_add(&two.seal_keys, STR_LIT(KEY_TWO)));
    both = two;
    assert_true(seal_keys_add(&both.seal_keys, STR_LIT(KEY_ONE)));
    return 0;
}

static bool opens(const struct settings *with, enum webhook_column column, struct id id,
                  const struct buf *sealed)
{
    struct buf out;

    buf_init(&out, 1000);
    int err = webhook_open(with, column, id, buf_str(sealed), &out);
    if (err == 0)
        assert_string_equal(buf_text(&out), "a secret");
    else
        assert_int_equal(out.n, 0);
    buf_fini(&out);
    return err == 0;
}

static void test_keys(void **state)
{
    struct buf sealed;

    (void)state;
    buf_init(&sealed, 1000);
    webhook_seal(&one, WEBHOOK_SECRET, here, STR_LIT("a secret"), &sealed);
    assert_int_equal(sealed.n, strlen("a secret") + SEAL_OVERHEAD);
    assert_true(opens(&one, WEBHOOK_SECRET, here, &sealed));
    assert_true(opens(&both, WEBHOOK_SECRET, here, &sealed));
    assert_false(opens(&two, WEBHOOK_SECRET, here, &sealed));
    assert_true(seal_is_new(&one.seal_keys, buf_str(&sealed)));
    assert_false(seal_is_new(&both.seal_keys, buf_str(&sealed)));
    buf_clear(&sealed);
    webhook_seal(&both, WEBHOOK_SECRET, here, STR_LIT("a secret"), &sealed);
    assert_true(opens(&two, WEBHOOK_SECRET, here, &sealed));
    assert_false(opens(&one, WEBHOOK_SECRET, here, &sealed));
    buf_fini(&sealed);
}

static void test_places(void **state)
{
    struct buf sealed;

    (void)state;
    buf_init(&sealed, 1000);
    webhook_seal(&one, WEBHOOK_SECRET, here, STR_LIT("a secret"), &sealed);
    assert_false(opens(&one, WEBHOOK_SECRET, there, &sealed));
    assert_false(opens(&one, WEBHOOK_HEADERS, here, &sealed));
    assert_false(opens(&one, WEBHOOK_OPTIONS, here, &sealed));
    for (size_t i = 0; i < sealed.n; i++) { /* version and key among them */
        sealed.p[i] = (char)(sealed.p[i] ^ 1);
        assert_false(opens(&both, WEBHOOK_SECRET, here, &sealed));
        sealed.p[i] = (char)(sealed.p[i] ^ 1);
    }
    for (; sealed.n > 0; sealed.n--)
        assert_int_equal(opens(&one, WEBHOOK_SECRET, here, &sealed),
                         sealed.n == strlen("a secret") + SEAL_OVERHEAD);
    buf_fini(&sealed);
}

/* As the releases before sealed: bound to the webhook, whatever the column. */
static void test_before(void **state)
{
    struct buf sealed;

    (void)state;
    buf_init(&sealed, 1000);
    buf_add_char(&sealed, 1);
    crypto_seal(&sealed, one.seal_keys.at[0].bytes,
                (struct str){(const char *)here.b, sizeof here.b}, STR_LIT("a secret"));
    assert_true(opens(&one, WEBHOOK_SECRET, here, &sealed));
    assert_true(opens(&one, WEBHOOK_HEADERS, here, &sealed));
    assert_true(opens(&both, WEBHOOK_SECRET, here, &sealed));
    assert_false(opens(&two, WEBHOOK_SECRET, here, &sealed));
    assert_false(opens(&one, WEBHOOK_SECRET, there, &sealed));
    assert_false(seal_is_new(&one.seal_keys, buf_str(&sealed)));
    buf_fini(&sealed);
}

static void test_room_for_keys(void **state)
{
    struct seal_keys keys = {.count = 0};

    (void)state;
    assert_false(seal_keys_add(&keys, STR_LIT("BwcH")));
    for (size_t i = 0; i < SEAL_KEYS_MAX; i++)
        assert_true(seal_keys_add(&keys, STR_LIT(KEY_ONE)));
    assert_false(seal_keys_add(&keys, STR_LIT(KEY_ONE)));
}

/* --- options ---------------------------------------------------------------------------------- */

#define OPTIONS "{\"headers\":{\"X-Token\":\"canary\"}}"

static bool gives(const struct settings *with, struct id id, const char *url,
                  const struct buf *kept)
{
    struct buf out;

    buf_init(&out, 10000);
    int err = webhook_options_open(with, id, str_of(url), buf_str(kept), &out);
    if (err == 0)
        assert_string_equal(buf_text(&out), OPTIONS);
    buf_fini(&out);
    return err == 0;
}

static void test_options(void **state)
{
    const struct profile *custom = profile_find(STR_LIT("custom"));
    const struct profile *standard = profile_find(STR_LIT("default"));
    struct buf kept;

    (void)state;
    buf_init(&kept, 10000);
    webhook_options_seal(&one, custom, here, STR_LIT(OPTIONS), &kept);
    assert_null(strstr(buf_text(&kept), "X-Token"));
    assert_true(gives(&one, here, "https://a.example/", &kept));
    assert_true(gives(&both, here, "https://b.example/", &kept));
    assert_false(gives(&two, here, "https://a.example/", &kept));
    assert_false(gives(&one, there, "https://a.example/", &kept));
    assert_true(webhook_options_are_new(&one, custom, buf_str(&kept)));
    assert_false(webhook_options_are_new(&both, custom, buf_str(&kept)));
    assert_false(webhook_options_are_new(&one, custom, STR_LIT(OPTIONS)));
    assert_true(webhook_options_are_new(&one, custom, STR_LIT("{}")));
    assert_true(webhook_options_are_new(&one, standard, STR_LIT("{\"json\":\"js\"}")));
    kept.n -= 4;
    assert_false(gives(&one, here, "https://a.example/", &kept));
    buf_clear(&kept);
    webhook_options_seal(&one, standard, here, STR_LIT(OPTIONS), &kept);
    assert_string_equal(buf_text(&kept), OPTIONS);
    buf_fini(&kept);
}

static void test_options_of_a_test(void **state)
{
    struct buf kept;

    (void)state;
    buf_init(&kept, 10000);
    webhook_options_seal_here(&one, here, STR_LIT("https://a.example/x"), STR_LIT(OPTIONS), &kept);
    assert_true(gives(&one, here, "https://a.example/y?z", &kept));
    assert_false(gives(&one, here, "https://a.example:444/x", &kept));
    assert_false(gives(&one, here, "http://a.example/x", &kept));
    assert_false(gives(&one, here, "https://b.example/x", &kept));
    buf_fini(&kept);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_before),  cmocka_unit_test(test_room_for_keys),
        cmocka_unit_test(test_options), cmocka_unit_test(test_options_of_a_test),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
