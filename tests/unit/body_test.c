/* core/body: two messages of one form have the same body, whatever else is different of them, and of whatever
 * profile they are; what differs by attempt is nobody else's. */
#include "core/body.h"

#include "profile_rig.h"

#include <stdio.h>

/* What an event's data may have that some profile treats by itself. */
#define DATA                                                                           \
    "{\"tries\":5,\"send_at\":1.5,\"action\":\"a\",\"2\":1e23,\"1\":9007199254740993," \
    "\"appId\":\"x\",\"content\":\"\\u00e4\"}"

static const char *const settings[] = {
    "\"json\":\"js\"",         "\"json\":\"python\"",        "\"json\":\"python-compact\"",
    "\"json\":\"verbatim\"",   "\"bigint\":\"verbatim\"",    "\"envelope\":\"array\"",
    "\"envelope\":\"object\"", "\"auth\":\"plain\"",         "\"auth\":\"none\"",
    "\"scope\":true",          "\"restamp_on_retry\":true",  "\"tries\":true",
    "\"body\":\"data\"",       "\"algorithm\":\"sha512\"",   "\"encoding\":\"base64\"",
    "\"batch_max\":7",         "\"signed\":\"{timestamp}\"", "\"headers\":{\"A\":\"{secret}\"}",
};

/* The options of a profile that `text` is one of, in `out`. */
static bool takes(const struct profile *profile, const char *text, struct scratch *scratch,
                  struct profile_options *out)
{
    char json[100];
    struct fields f = {.alloc = scratch_allocator(scratch)};

    snprintf(json, sizeof json, "{%s}", text);
    return profile_options_bind(&f, profile, str_of(json), out) == 0;
}

struct made {
    struct body_form form;
    bool shared;
    struct buf text;
};

enum { VARIANTS = 6 };

/* Another webhook, delivery, time, attempt. */
static struct profile_input input_of(int variant, const struct profile_options *options)
{
    struct profile_input in =
        input_at(AT_2025_04_14, "user.created", DATA, variant % 2 == 0 ? "one" : "two");

    in.options = *options;
    in.webhook = id_floor(AT_2025_06_15 + variant);
    in.delivery = id_floor(AT_2025_06_15 + 2 * variant);
    in.attempt = 1 + variant / 2;
    in.due_ms = AT_2025_04_14 + 1000 * variant;
    in.now_ms = AT_2025_06_15 + 1000 * variant;
    return in;
}

static size_t make_all(const struct profile *profile, struct made *made)
{
    static struct scratch scratches[ARRAY_LEN(settings)];
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct profile_options options;
        if (!takes(profile, settings[i], &scratches[i], &options))
            continue;
        for (int variant = 0; variant < VARIANTS; variant++, n++) {
            struct profile_input in = input_of(variant, &options);
            made[n].shared = body_form_of(profile, &in, &made[n].form);
            buf_init(&made[n].text, MESSAGE_BODY_MAX);
            if (profile_write_body(profile, &in, 1, &made[n].text) != 1)
                fail_msg("%s cannot say it with %s", profile->name, settings[i]);
        }
    }
    return n;
}

/* `form` for itself, so that those that are equal are found. */
static bool same_form(const struct made *a, const struct made *b)
{
    struct bodies bodies;
    struct buf none;

    buf_init(&none, 1);
    bodies_init(&bodies);
    bodies_add(&bodies, &a->form, &none, 0);
    bool same = bodies_find(&bodies, &b->form) != NULL;
    bodies_fini(&bodies);
    return same;
}

static void check(const struct profile *profile)
{
    static struct made made[ARRAY_LEN(settings) * VARIANTS];
    size_t n = make_all(profile, made), equal = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            if (!made[i].shared || !made[j].shared || !same_form(&made[i], &made[j]))
                continue;
            equal++;
            if (!str_eq(buf_str(&made[i].text), buf_str(&made[j].text)))
                fail_msg("%s: [%s] is not [%s]", profile->name, buf_text(&made[i].text),
                         buf_text(&made[j].text));
        }
    assert_true(n == 0 || equal > 0);
    for (size_t i = 0; i < n; i++)
        buf_fini(&made[i].text);
}

static void test_every_profile(void **state)
{
    (void)state;
    for (size_t i = 0; profiles[i] != NULL; i++)
        check(profiles[i]);
}

/* And not for want of sharing: only these two keep a retry's body to itself. */
static void test_retries(void **state)
{
    static const char *const own[] = {"\"tries\":true", "\"restamp_on_retry\":true"};
    (void)state;

    for (size_t p = 0; profiles[p] != NULL; p++)
        for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
            struct scratch scratch;
            struct profile_options options;
            struct body_form form;
            if (!takes(profiles[p], settings[i], &scratch, &options))
                continue;
            struct profile_input in = input_of(2, &options);
            bool alone = false;
            for (size_t k = 0; k < ARRAY_LEN(own); k++)
                alone = alone || strcmp(settings[i], own[k]) == 0;
            assert_int_equal(body_form_of(profiles[p], &in, &form), !alone);
            in = input_of(0, &options);
            assert_true(body_form_of(profiles[p], &in, &form));
        }
}

/* What came out of `in`, by its mark and without what history does not keep of it. */
static bool again(const struct profile *profile, struct profile_input in, const char *data)
{
    uint8_t hash[BODY_HASH_BYTES];
    struct buf first, second;

    buf_init(&first, MESSAGE_BODY_MAX);
    buf_init(&second, MESSAGE_BODY_MAX);
    assert_int_equal(profile_write_body(profile, &in, 1, &first), 1);
    body_hash(buf_str(&first), hash);
    struct body_mark mark = body_mark_of(profile, &in.options, 1, hash);
    in.options = (struct profile_options){0};
    in.secret = in.previous_secret = STR_LIT("");
    in.due_ms = 0;
    in.data = str_of(data);
    bool same = body_again(mark, &in, &second);
    assert_true(!same || str_eq(buf_str(&first), buf_str(&second)));
    buf_fini(&first);
    buf_fini(&second);
    return same;
}

/* Whatever its form; but for a panel's retry, which says when it was due. Not of other data. */
static void test_again(void **state)
{
    (void)state;
    for (size_t p = 0; profiles[p] != NULL; p++)
        for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
            struct scratch scratch;
            struct profile_options options;
            if (!takes(profiles[p], settings[i], &scratch, &options))
                continue;
            for (int variant = 0; variant < VARIANTS; variant++) {
                struct profile_input in = input_of(variant, &options);
                bool says_due = options.tries && in.attempt > 1;
                assert_int_equal(again(profiles[p], in, DATA), !says_due);
                assert_false(again(profiles[p], in, "{\"appId\":\"y\",\"content\":1}"));
                assert_false(again(profiles[p], in, "no JSON"));
            }
        }
}

static void test_marks(void **state)
{
    const struct profile_options options = profiles[0]->standard;
    const uint8_t hash[BODY_HASH_BYTES] = {1, 2, 3, 4, 5};
    struct profile_input in = input_of(0, &options);
    struct buf body;
    (void)state;

    buf_init(&body, MESSAGE_BODY_MAX);
    assert_false(body_again((struct body_mark){0}, &in, &body));
    assert_false(body_again(body_mark_of(profiles[0], &options, 2, hash), &in, &body));
    assert_false(body_again(body_mark_of(profiles[0], &options, 1, hash), &in, &body));
    for (int i = 0; i < 0x10000; i++) { /* whatever stands in the ledger */
        struct body_mark mark = {{(uint8_t)(i >> 8), (uint8_t)i, 1, 2, 3, 4, 5}};
        buf_clear(&body);
        assert_false(body_again(mark, &in, &body));
    }
    buf_fini(&body);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_profile),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_marks),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
