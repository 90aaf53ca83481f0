/* base/crypto: published vectors, strictness of base64, and what a sealed secret withstands. */
#include "base/crypto.h"

#include "base/err.h"

#include "exact.h"
#include "unit.h"

static void is_hex(const void *p, size_t n, const char *want)
{
    struct buf hex;
    buf_init(&hex, 200);
    crypto_hex(&hex, p, n);
    assert_string_equal(buf_text(&hex), want);
    buf_fini(&hex);
}

struct digest {
    struct str text;
    const char *hex;
};

/* FIPS 180-4's examples. */
static const struct digest digests[] = {
    {{"", 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {{"abc", 3}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56},
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_sha256(void **state)
{
    (void)state;
    uint8_t out[SHA256_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
        crypto_sha256(digests[i].text, out);
        is_hex(out, sizeof out, digests[i].hex);
    }
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    crypto_sha256((struct str){million, 1000000}, out);
    is_hex(out, sizeof out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
    crypto_sha256((struct str){NULL, 0}, out);
    is_hex(out, sizeof out, digests[0].hex);
}

struct mac {
    char key_byte; /* repeated, or NUL: key_text */
    size_t key_n;
    const char *key_text;
    char byte;
    size_t n;
    const char *text, *hex;
};

/* RFC 4231 §4. */
static const struct mac macs[] = {
    {0x0b, 20, NULL, 0, 8, "Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {0, 4, "Jefe", 0, 28, "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {'\xaa', 20, NULL, '\xdd', 50, NULL,
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {0, 25, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30\31", '\xcd', 50,
     NULL, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {'\xaa', 131, NULL, 0, 54, "Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {'\xaa', 131, NULL, 0, 152,
     "This is a test using a larger than block-size key and a larger than block-size data. The key "
     "needs to be hashed before being used by the HMAC algorithm.",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static void fill(char *out, const char *text, char byte, size_t n)
{
    if (text != NULL)
        memcpy(out, text, n);
    else
        memset(out, byte, n);
}

static void test_hmac(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
        const struct mac *m = &macs[i];
        char key[200], text[200];
        uint8_t out[SHA256_SIZE];
        fill(key, m->key_text, m->key_byte, m->key_n);
        fill(text, m->text, m->byte, m->n);
        struct str parts[] = {{text, 3}, {NULL, 0}, {text + 3, m->n - 3}}, whole = {text, m->n};
        crypto_hmac_sha256((struct str){key, m->key_n}, &whole, 1, out);
        is_hex(out, sizeof out, m->hex);
        crypto_hmac_sha256((struct str){key, m->key_n}, parts, ARRAY_LEN(parts), out);
        is_hex(out, sizeof out, m->hex);
    }
}

/* An empty key is an empty key, not the one of the call before. */
static void test_hmac_empty(void **state)
{
    (void)state;
    static const char want[] = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
    uint8_t out[SHA256_SIZE];
    struct str text = STR_LIT("x");
    crypto_hmac_sha256(STR_LIT("a key"), &text, 1, out);
    crypto_hmac_sha256((struct str){NULL, 0}, NULL, 0, out);
    is_hex(out, sizeof out, want);
    crypto_hmac_sha256(STR_LIT(""), NULL, 0, out);
    is_hex(out, sizeof out, want);
}

/* What a thread kept is fetched again when it goes on. */
static void test_thread_end(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        test_sha256(state);
        test_hmac(state);
        crypto_thread_end();
    }
    crypto_thread_end();
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(crypto_equal(STR_LIT("abc"), str_of("abc")));
    assert_true(crypto_equal(STR_LIT(""), (struct str){NULL, 0}));
    assert_false(crypto_equal(STR_LIT("abc"), STR_LIT("abd")));
    assert_false(crypto_equal(STR_LIT("abc"), STR_LIT("xbc")));
    assert_false(crypto_equal(STR_LIT("abc"), STR_LIT("ab")));
    assert_false(crypto_equal(STR_LIT("a\0b"), STR_LIT("a\0c")));
}

static void test_random_and_wipe(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    static const uint8_t zero[32];
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    crypto_wipe(a, sizeof a);
    assert_memory_equal(a, zero, sizeof a);
}

struct encoding {
    const char *text, *base64, *url;
};

/* RFC 4648 §10, and the two alphabets' last digits. */
static const struct encoding encodings[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/", "-_-_"},
    {"\xff\xff", "//8=", "__8"},
};

static void test_base64(void **state)
{
    (void)state;
    struct buf buf;
    uint8_t back[16];
    buf_init(&buf, 100);
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        const struct encoding *e = &encodings[i];
        size_t n = strlen(e->text);
        buf_clear(&buf);
        buf_add_char(&buf, '=');
        crypto_base64(&buf, e->text, n);
        assert_string_equal(buf_text(&buf) + 1, e->base64);
        buf_clear(&buf);
        buf_add_text(&buf, "=+/");
        crypto_base64url(&buf, e->text, n);
        assert_string_equal(buf_text(&buf) + 3, e->url);
        assert_memory_equal(buf.p, "=+/", 3);

        struct str copy = exact_copy(str_of(e->base64));
        assert_int_equal(crypto_base64_decode(copy, back, sizeof back), n);
        assert_memory_equal(back, e->text, n);
        if (n > 0)
            assert_int_equal(crypto_base64_decode(copy, back, n - 1), -1);
        exact_free(copy);
    }
    buf_fini(&buf);
}

static const char *const not_base64[] = {
    "Z",     "Zg",     "Zg=",  "Zg===", "Zm9",     "Zm9=v",    "Zh==",   "Zm9=",
    "Zm8",   "=",      "==",   "====",  "Z===",    "Zg==Zg==", "Zm9v\n", "Zm9v ",
    " Zm9v", "Zm\n9v", "Zm9-", "Zm9_",  "Zm9\xc3", "Zm9v=",    "Zm9v==", "Zm9v====",
    "=Zm9",  "Z=9v",   "Zm9@", "Zm9[",  "Zm9`",    "Zm9{",     "Zm9:",   "Zm9.",
};

static void test_base64_strict(void **state)
{
    (void)state;
    uint8_t out[16];
    for (size_t i = 0; i < ARRAY_LEN(not_base64); i++) {
        struct str copy = exact_copy(str_of(not_base64[i]));
        if (crypto_base64_decode(copy, out, sizeof out) != -1)
            fail_msg("'%s' is accepted", not_base64[i]);
        exact_free(copy);
    }
    assert_int_equal(crypto_base64_decode(STR_LIT("Zm9\0"), out, sizeof out), -1);
    assert_int_equal(crypto_base64_decode((struct str){NULL, 0}, out, sizeof out), 0);
}

static uint8_t key[SEAL_KEY_SIZE] = "0123456789abcdef0123456789abcdef";
static const char secret[] = "whsec_something that nobody may read";

static int opens(struct str sealed, const uint8_t *with, struct str bound)
{
    struct buf out;
    struct str copy = exact_copy(sealed);
    buf_init(&out, 1000);
    buf_add_text(&out, "before ");
    int err = crypto_open(&out, with, bound, copy);
    if (err == 0)
        assert_memory_equal(out.p + 7, secret, out.n - 7);
    else
        assert_int_equal(out.n, 7); /* nothing was added */
    assert_int_equal(err == 0 ? (int)out.n - 7 : 0, err == 0 ? (int)strlen(secret) : 0);
    buf_fini(&out);
    exact_free(copy);
    return err;
}

static void test_seal(void **state)
{
    (void)state;
    struct buf a, b;
    struct str bound = STR_LIT("wh_1");
    buf_init(&a, 1000);
    buf_init(&b, 1000);
    crypto_seal(&a, key, bound, str_of(secret));
    crypto_seal(&b, key, bound, str_of(secret));
    assert_int_equal(a.n, strlen(secret) + CRYPTO_SEAL_SIZE);
    assert_memory_not_equal(a.p + 1, b.p + 1, 12); /* nonces */
    assert_memory_not_equal(a.p + 13, b.p + 13, strlen(secret));
    assert_null(memmem(a.p, a.n, "nobody", 6));
    assert_int_equal(opens(buf_str(&a), key, bound), 0);
    assert_int_equal(opens(buf_str(&b), key, bound), 0);

    uint8_t other[SEAL_KEY_SIZE];
    for (size_t i = 0; i < sizeof other; i++) {
        memcpy(other, key, sizeof other);
        other[i] ^= 1;
        assert_int_equal(opens(buf_str(&a), other, bound), ERR_INVALID);
    }
    assert_int_equal(opens(buf_str(&a), key, STR_LIT("wh_2")), ERR_INVALID);
    assert_int_equal(opens(buf_str(&a), key, STR_LIT("wh_")), ERR_INVALID);
    assert_int_equal(opens(buf_str(&a), key, STR_LIT("wh_11")), ERR_INVALID);
    assert_int_equal(opens(buf_str(&a), key, STR_LIT("")), ERR_INVALID);
    buf_fini(&a);
    buf_fini(&b);
}

static void test_seal_altered(void **state)
{
    (void)state;
    struct buf sealed;
    struct str bound = STR_LIT("wh_1");
    buf_init(&sealed, 1000);
    crypto_seal(&sealed, key, bound, str_of(secret));
    for (size_t i = 0; i < sealed.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            sealed.p[i] = (char)(sealed.p[i] ^ 1 << bit);
            if (opens(buf_str(&sealed), key, bound) != ERR_INVALID)
                fail_msg("byte %zu, bit %d flipped: opens", i, bit);
            sealed.p[i] = (char)(sealed.p[i] ^ 1 << bit);
        }
    }
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(opens((struct str){sealed.p, n}, key, bound), ERR_INVALID);
    assert_int_equal(opens(buf_str(&sealed), key, bound), 0);
    buf_add_char(&sealed, 'x');
    assert_int_equal(opens(buf_str(&sealed), key, bound), ERR_INVALID);
    buf_fini(&sealed);
}

static void test_seal_nothing(void **state)
{
    (void)state;
    struct buf sealed, out;
    struct str none = {NULL, 0};
    buf_init(&sealed, 100);
    buf_init(&out, 100);
    crypto_seal(&sealed, key, none, none);
    assert_int_equal(sealed.n, CRYPTO_SEAL_SIZE);
    assert_int_equal(crypto_open(&out, key, none, buf_str(&sealed)), 0);
    assert_int_equal(out.n, 0);
    assert_int_equal(crypto_open(&out, key, STR_LIT("x"), buf_str(&sealed)), ERR_INVALID);

    struct buf small;
    buf_init(&small, 3);
    crypto_seal(&small, key, none, none);
    assert_true(small.overflow);
    buf_clear(&sealed);
    crypto_seal(&sealed, key, none, STR_LIT("abcd"));
    buf_clear(&small);
    assert_int_equal(crypto_open(&small, key, none, buf_str(&sealed)), ERR_INVALID);
    buf_fini(&small);
    buf_fini(&sealed);
    buf_fini(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),       cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_hmac_empty),   cmocka_unit_test(test_equal),
        cmocka_unit_test(test_thread_end),   cmocka_unit_test(test_random_and_wipe),
        cmocka_unit_test(test_base64),       cmocka_unit_test(test_base64_strict),
        cmocka_unit_test(test_seal),         cmocka_unit_test(test_seal_altered),
        cmocka_unit_test(test_seal_nothing),
    };
    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
