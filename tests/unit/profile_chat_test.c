/* Discord and Slack: addresses, limits, escaping, and no secret. */
#include "profile_rig.h"

#include <stdio.h>
#include <string.h>

#define D_HEAD                           \
    "Content-Type: application/json\r\n" \
    "User-Agent: DiscordBot (posthorn, " POSTHORN_VERSION ")\r\n"

static void test_discord(void **state)
{
    (void)state;
    expect_message(
        "discord", "{}",
        input_at(AT_2025_06_15, "user.login",
                 "{\"username\":\"testuser\",\"appId\":\"app_xyz789\"}", "secret"),
        D_HEAD,
        "{\"embeds\":[{\"title\":\"user.login\",\"color\":5763719,\"timestamp\":"
        "\"2025-06-15T14:30:00.000Z\",\"fields\":["
        "{\"name\":\"username\",\"value\":\"testuser\",\"inline\":true},"
        "{\"name\":\"appId\",\"value\":\"app\\\\_xyz789\",\"inline\":true}],"
        "\"footer\":{\"text\":\"app\\\\_xyz789\"}}],\"allowed_mentions\":{\"parse\":[]}}");
}

static void expect_piece(const char *profile, const char *type, const char *data, const char *piece)
{
    struct profile_input in = input_at(AT_2025_06_15, type, data, "secret");
    struct message m;

    assert_int_equal(message_make(&m, profile, "{}", &in, 1), 1);
    if (!contains(buf_str(&m.body), piece))
        fail_msg("no [%s] in [%.*s]", piece, STR_FMT(m.body));
    assert_false(contains(buf_str(&m.head), "secret"));
    assert_false(contains(buf_str(&m.head), "evt_"));
    message_fini(&m);
}

/* Of Remnawave's whole notification people see what happened. */
static void test_notification(void **state)
{
    struct profile_input in = input_at(
        AT_2025_06_15, "user.created",
        "{\"scope\":\"user\",\"event\":\"user.created\",\"timestamp\":\"2025-06-15T14:29:59.000Z\","
        "\"data\":{\"username\":\"bob\"},\"meta\":null}",
        "");
    struct message m;

    (void)state;
    assert_int_equal(message_make(&m, "discord", "{}", &in, 1), 1);
    assert_true(contains(buf_str(&m.body),
                         "\"fields\":[{\"name\":\"username\",\"value\":\"bob\",\"inline\":true}]"));
    message_fini(&m);
    assert_int_equal(message_make(&m, "slack", "{}", &in, 1), 1);
    assert_true(contains(buf_str(&m.body), "\"text\":\"user.created: bob\""));
    assert_true(contains(buf_str(&m.body), "*username*\\u000abob") &&
                !contains(buf_str(&m.body), "*meta*"));
    message_fini(&m);
}

static void test_colours(void **state)
{
    (void)state;
    expect_piece("discord", "user.ban", "{}", "\"color\":15548997,");
    expect_piece("discord", "user.register", "{}", "\"color\":3447003,");
    expect_piece("discord", "license.expire", "{}", "\"color\":15105570,");
    expect_piece("discord", "webhook.test", "{}", "\"color\":5793266,");
    expect_piece("discord", "user_created", "{}", "\"color\":65280,");
    expect_piece("discord", "node.connection_lost", "{}", "\"color\":15548997,");
    expect_piece("discord", "what.ever", "{}", "\"color\":9807270,");
    expect_piece("slack", "user.login", "{}", "\"color\":\"#57F287\"");
}

static void test_discord_text(void **state)
{
    (void)state;
    expect_piece("discord", "t", "{\"a\":\"@everyone *x* <@1>\"}",
                 "\"value\":\"@everyone \\\\*x\\\\* \\\\<@1\\\\>\"");
    expect_piece("discord", "t", "{\"a\":\"@everyone\"}", "\"allowed_mentions\":{\"parse\":[]}");
    expect_piece("discord", "t", "{\"a\":\"https://x/a_b c_d\"}",
                 "\"value\":\"https://x/a_b c\\\\_d\"");
    char link[4000];
    snprintf(link, sizeof link, "{\"a\":\"https://x/%03000d\"}", 0);
    expect_piece("discord", "t", link, "000…\"");
    expect_piece("discord", "t", "{\"\":\" \"}", "{\"name\":\"-\",\"value\":\"-\",");
    expect_piece("discord", "t", "{\"a\":{\"b\": 1.0}}", "\"value\":\"{\\\"b\\\":1}\"");
    expect_piece("discord", "t", "\"text\"", "\"description\":\"text\"");
    expect_piece("discord", "t", "{\"a\":\"\\ud800\"}", "ud800");
}

#define TRANSFORM                                                                                 \
    "{\"transform\":{\"text\":\"**New** {{/user/name|somebody}}\",\"title\":\"{{type}} {{id}}\"," \
    "\"description\":\"{{/tags/1}} of {{/tags}}, {{/none|no _plan_}}\","                          \
    "\"color_by\":{\"path\":\"/ok\",\"map\":{\"true\":\"#00fF00\"}},\"color\":\"#ff0000\","       \
    "\"fields\":[{\"name\":\"A~B\",\"value\":\"{{/a~1b}}\"},"                                     \
    "{\"name\":\"{{/x}}\",\"value\":\"{{ /y | }}\",\"inline\":false}]}}"
#define TRANSFORMED                                                                                 \
    "{\"user\":{\"name\":\"<@1> *b* & @everyone\"},\"tags\":[1,\"two\"],\"none\":null,\"ok\":true," \
    "\"a/b\":\"x\",\"a\\/b\":\"last\"}"

static void test_discord_transform(void **state)
{
    (void)state;
    struct profile_input in = input_at(AT_2025_06_15, "user.login", TRANSFORMED, "secret");
    char id[ID_TEXT_SIZE], body[2000];

    snprintf(
        body, sizeof body,
        "{\"content\":\"**New** \\\\<@1\\\\> \\\\*b\\\\* & @everyone\",\"embeds\":[{\"title\":"
        "\"user.login evt\\\\_%s\",\"color\":65280,\"timestamp\":\"2025-06-15T14:30:00.000Z\","
        "\"description\":\"two of \\\\[1,\\\"two\\\"\\\\], no _plan_\",\"fields\":["
        "{\"name\":\"A~B\",\"value\":\"last\",\"inline\":true},"
        "{\"name\":\"-\",\"value\":\"-\",\"inline\":false}]}],\"allowed_mentions\":{\"parse\":[]}}",
        id_text(id, ID_EVENT, in.event) + 4);
    expect_message("discord", TRANSFORM, in, D_HEAD, body);
}

static void test_slack_transform(void **state)
{
    (void)state;
    struct profile_input in = input_at(AT_2025_06_15, "user.login", TRANSFORMED, "secret");
    char id[ID_TEXT_SIZE], body[2000];

    snprintf(body, sizeof body,
             "{\"text\":\"**New** &lt;@1&gt; *b* &amp; @everyone\",\"attachments\":[{\"color\":"
             "\"#00FF00\",\"fallback\":\"**New** &lt;@1&gt; *b* &amp; @everyone\",\"blocks\":["
             "{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"*user.login %s*\\u000a"
             "two of [1,\\\"two\\\"], no _plan_\"}},{\"type\":\"section\",\"fields\":["
             "{\"type\":\"mrkdwn\",\"text\":\"*A~B*\\u000alast\"},"
             "{\"type\":\"mrkdwn\",\"text\":\"*-*\\u000a-\"}]},{\"type\":\"context\",\"elements\":["
             "{\"type\":\"mrkdwn\",\"text\":\"2025-06-15T14:30:00.000Z\"}]}]}]}",
             id_text(id, ID_EVENT, in.event));
    expect_message("slack", TRANSFORM, in, NULL, body);
}

static void expect_chosen(const char *profile, const char *transform, const char *data,
                          const char *piece)
{
    struct profile_input in = input_at(AT_2025_06_15, "user.ban", data, "secret");
    char options[3000];
    struct message m;

    snprintf(options, sizeof options, "{\"transform\":%s}", transform);
    assert_int_equal(message_make(&m, profile, options, &in, 1), 1);
    if (!contains(buf_str(&m.body), piece))
        fail_msg("no [%s] in [%.*s]", piece, STR_FMT(m.body));
    message_fini(&m);
}

/* What is not said is as it would be; what is too long is cut, whatever it is made of. */
static void test_transform_parts(void **state)
{
    (void)state;
    char data[12000];

    expect_chosen("discord", "{}", "{\"a\":1}", "[{\"title\":\"user.ban\",\"color\":15548997,");
    expect_chosen("discord", "{\"t\\u0069tle\":\"t\"}", "{}", "\"title\":\"t\"");
    expect_chosen("slack", "{\"fields\":[ ]}", "{\"name\":\"n\"}", "{\"text\":\"user.ban: n\",");
    expect_chosen("discord", "{\"color\":\"#00000f\"}", "{}", "\"color\":15,");
    expect_chosen("discord", "{\"color_by\":{\"path\":\"/n\",\"map\":{\"1\":\"#000001\"}}}",
                  "{\"n\":1}", "\"color\":1,");
    expect_chosen("discord", "{\"color_by\":{\"path\":\"/n\",\"map\":{\"1\":\"#000001\"}}}",
                  "{\"n\":2}", "\"color\":15548997,");
    expect_chosen("discord", "{\"title\":\"{{/none}}\"}", "{}", "\"title\":\"user.ban\"");
    expect_chosen("discord", "{\"description\":\"{{created_at}}{\"}", "{}",
                  "\"description\":\"2025-06-15T14:30:00Z{\"");
    expect_chosen("slack", "{\"text\":\"<https://a/{{/x}}|b>\"}", "{\"x\":\"1>\"}",
                  "\"text\":\"<https://a/1&gt;|b>\"");
    snprintf(data, sizeof data, "{\"a\":\"%010000d\"}", 0);
    expect_chosen("discord", "{\"title\":\"t{{/a}}{{/a}} more\"}", data, "000…\",\"color\"");
    expect_chosen("discord", "{\"text\":\"{{/a}}{{/a}} more\"}", data, "000…\",\"embeds\"");
    expect_chosen("slack", "{\"text\":\"t{{/a}} more\"}", data, "000…\",\"attachments\"");
}

/* Discord answers 400 to a field that nothing can be seen of, and Slack to a text. */
static void test_what_comes_to_blanks(void **state)
{
    (void)state;
    expect_chosen("discord", "{\"title\":\"{{/a}} {{/b}} \"}", "{}", "\"title\":\"user.ban\"");
    expect_chosen("discord", "{\"description\":\" {{/a}}\"}", "{}",
                  "\"color\":15548997,\"timestamp\":"
                  "\"2025-06-15T14:30:00.000Z\"}]");
    expect_chosen("discord", "{\"fields\":[{\"name\":\"{{/a}} {{/b}}\",\"value\":\"\\n{{/a}}\"}]}",
                  "{}", "{\"name\":\"-\",\"value\":\"-\",");
    expect_chosen("slack", "{\"text\":\"{{/a}} {{/b}}\"}", "{}", "\"text\":\"user.ban\",");
    expect_chosen("slack", "{\"fields\":[{\"name\":\" {{/a}}\",\"value\":\"{{/a}} \"}]}", "{}",
                  "\"*-*\\u000a-\"");
}

/* Whatever it takes to find a value, over and over again, the message takes no longer than its share. */
static void test_transform_walks(void **state)
{
    (void)state;
    static char data[600000];
    char *p = data + snprintf(data, sizeof data, "{\"b\":1,\"a\":[");
    for (int i = 0; i < 250000; i++, p += 2)
        memcpy(p, "1,", 2);
    snprintf(p, 30, "2]}");
    expect_chosen("discord", "{\"text\":\"{{/a/250000}}{{/a/250000}}{{/b}}\"}", data,
                  "\"content\":\"221\"");
    char many[3000], *q = many + snprintf(many, sizeof many, "{\"text\":\"");
    for (int i = 0; i < 31; i++)
        q += snprintf(q, sizeof many - (size_t)(q - many), "{{/a/0}}");
    snprintf(q, sizeof many - (size_t)(q - many), "{{/b|no}}\"}");
    expect_chosen("discord", many, data, "11no\",\"embeds\"");
    expect_chosen("discord",
                  "{\"text\":\"{{/a|no}}{{/a|no}}{{/a|no}}{{/a|no}}{{/a|no}}{{/a|no}}{{/a|no}}\"}",
                  "{\"a\":\"x\"}", "\"content\":\"xxxxxxx\"");
}

static void expect_fault(const char *profile, const char *transform, const char *field,
                         const char *message)
{
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_options options;
    char json[3000];

    snprintf(json, sizeof json, "{\"transform\":%s}", transform);
    assert_true(profile_options_bind(&f, profile_find(str_of(profile)), str_of(json), &options) <
                0);
    assert_string_equal(f.problems[0].field + strlen("profile_options.transform."), field);
    if (strstr(f.problems[0].message, message) == NULL)
        fail_msg("no [%s] in [%s]", message, f.problems[0].message);
}

static void test_transform_faults(void **state)
{
    (void)state;
    expect_fault("discord", "{\"title\":\"a {{/b\"}", "title", "at byte 2, {{ is not closed");
    expect_fault("discord", "{\"title\":\"a }} {{/b}}\"}", "title", "at byte 2, }} closes nothing");
    expect_fault("discord", "{\"text\":\"{{/a}} {{b}}\"}", "text", "at byte 7, {{ must be");
    expect_fault("discord", "{\"text\":\"{{/a {{/b}}\"}", "text", "at byte 0, {{ is not closed");
    expect_fault("discord", "{\"text\":\"{{}}\"}", "text", "at byte 0");
    expect_fault("discord", "{\"text\":\"{{/a~2}}\"}", "text", "at byte 0");
    expect_fault(
        "discord",
        "{\"fields\":[{\"name\":\"a\",\"value\":\"b\"},{\"name\":\"{{\",\"value\":\"b\"}]}",
        "fields[1].name", "at byte 0");
    expect_fault("discord", "{\"fields\":[{\"name\":\"a\"}]}", "fields[0].value", "");
    expect_fault("discord", "{\"colour\":\"#000000\"}", "colour", "");
    expect_fault("discord", "{\"color\":\"red\"}", "color", "#57f287");
    expect_fault("discord", "{\"color_by\":{\"path\":\"a\",\"map\":{}}}", "color_by.path", "");
    expect_fault("discord", "{\"color_by\":{\"path\":\"/a\",\"map\":{\"x\":\"#12\"}}}",
                 "color_by.map.x", "");
    expect_fault("slack", "{\"text\":\"<{{/a}}>\"}", "text", "at byte 1, {{ must not stand");
    expect_fault("slack", "{\"text\":\"<@{{/a}}{{/b}}>\"}", "text", "at byte 2");
    char many[3000], *p = many + snprintf(many, sizeof many, "{\"text\":\"");
    for (int i = 0; i < 33; i++)
        p += snprintf(p, sizeof many - (size_t)(p - many), "{{/a}}");
    snprintf(p, sizeof many - (size_t)(p - many), "\"}");
    expect_fault("discord", many, "text", "32 references");
}

/* UTF-16 units of a JSON string literal's content that has no escapes. */
static size_t units_of(struct str s)
{
    size_t units = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        units += c < 0x80 || (c >= 0xc0 && c < 0xf0) ? 1 : c >= 0xf0 ? 2 : 0;
    }
    return units;
}

/* Counts fields and units, and holds every field to its limit. */
static size_t measure(struct str body, size_t *fields)
{
    struct str rest = body;
    const char *p;
    size_t total = 0;

    *fields = 0;
    for (const char *mark = "\"value\":\""; (p = memmem(rest.p, rest.n, mark, 9)) != NULL;) {
        const char *end = strchr(p + 9, '"');
        size_t units = units_of((struct str){p + 9, (size_t)(end - p - 9)});
        assert_in_range(units, 1, 1024);
        total += units;
        ++*fields;
        rest = (struct str){end, body.n - (size_t)(end - body.p)};
    }
    return total;
}

static void test_discord_limits(void **state)
{
    static char data[300000];
    struct message m;
    size_t n, fields;

    (void)state;
    for (int emoji = 0; emoji < 2; emoji++) {
        n = (size_t)snprintf(data, sizeof data, "{\"lead\":\"x\"");
        for (int i = 0; i < 30; i++) {
            n += (size_t)snprintf(data + n, sizeof data - n, ",\"k%d\":\"x", i);
            for (int j = 0; j < 1999; j++)
                n += (size_t)snprintf(data + n, sizeof data - n, "%s", emoji ? "😀" : "é");
            n += (size_t)snprintf(data + n, sizeof data - n, "\"");
        }
        snprintf(data + n, sizeof data - n, "}");
        struct profile_input in = input_at(AT_2025_06_15, "t", data, "s");
        assert_int_equal(message_make(&m, "discord", "{}", &in, 1), 1);
        assert_true(str_is_utf8(buf_str(&m.body)));
        buf_text(&m.body);
        size_t total = measure(buf_str(&m.body), &fields);
        assert_in_range(fields, 6, 25);
        assert_in_range(total, 5000, 6000);
        assert_true(contains(buf_str(&m.body), "…\""));
        message_fini(&m);
    }
    n = (size_t)snprintf(data, sizeof data, "{\"k\":\"v\"");
    for (int i = 0; i < 30; i++)
        n += (size_t)snprintf(data + n, sizeof data - n, ",\"k%d\":\"v\"", i);
    snprintf(data + n, sizeof data - n, "}");
    struct profile_input in = input_at(AT_2025_06_15, "t", data, "s");
    message_make(&m, "discord", "{}", &in, 1);
    buf_text(&m.body);
    measure(buf_str(&m.body), &fields);
    assert_int_equal(fields, 25);
    message_fini(&m);
}

static void test_slack(void **state)
{
    (void)state;
    expect_message(
        "slack", "{}", input_at(AT_2025_06_15, "user.login", "{\"username\":\"a<b>&c\"}", "secret"),
        "Content-Type: application/json\r\n"
        "User-Agent: Posthorn-Webhooks/" POSTHORN_VERSION "\r\n",
        "{\"text\":\"user.login: a&lt;b&gt;&amp;c\",\"attachments\":[{\"color\":\"#57F287\","
        "\"fallback\":\"user.login: a&lt;b&gt;&amp;c\",\"blocks\":[{\"type\":\"section\",\"text\":"
        "{\"type\":\"mrkdwn\",\"text\":\"*user.login*\"},\"fields\":[{\"type\":\"mrkdwn\",\"text\":"
        "\"*username*\\u000aa&lt;b&gt;&amp;c\"}]},{\"type\":\"context\",\"elements\":[{\"type\":"
        "\"mrkdwn\",\"text\":\"2025-06-15T14:30:00.000Z\"}]}]}]}");
    expect_piece("slack", "t", "[1]", "\"text\":\"*t*\\u000a[1]\"");
    expect_piece("slack", "t",
                 "{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"10\":"
                 "10,\"11\":11,\"12\":12}",
                 "*10*\\u000a10\"}]},{\"type\":\"section\",\"fields\":[{\"type\":\"mrkdwn\","
                 "\"text\":\"*11*");
}

static void test_detect(void **state)
{
    static const struct {
        const char *host, *path, *profile;
    } rows[] = {
        {"discord.com", "/api/webhooks/1/abc", "discord"},
        {"DISCORDAPP.com", "/api/v6/webhooks/1/abc?wait=true", "discord"},
        {"ptb.discord.com", "/api/v10/webhooks/1/abc", "discord"},
        {"canary.discord.com", "/api/webhooks/1/abc/slack", "slack"},
        {"discord.com", "/api/webhooks/1/abc/github", NULL},
        {"discord.com", "/api/webhooks/x/abc", NULL},
        {"discord.com", "/api/vx/webhooks/1/abc", NULL},
        {"discord.com", "/api/webhooks/1", NULL},
        {"evil.com", "/api/webhooks/1/abc", NULL},
        {"hooks.slack.com", "/services/T0/B0/x", "slack"},
        {"hooks.slack.com", "/triggers/T0/1/x", NULL},
        {"", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct profile *p = profile_detect(str_of(rows[i].host), str_of(rows[i].path));
        const char *name = p != NULL ? p->name : NULL;
        if ((name == NULL) != (rows[i].profile == NULL) ||
            (name != NULL && strcmp(name, rows[i].profile) != 0))
            fail_msg("%s%s", rows[i].host, rows[i].path);
    }
}

static void test_rewrite(void **state)
{
    static const char *const rows[][2] = {
        {"https://discord.com/api/webhooks/1/a?wait=true",
         "https://discord.com/api/v10/webhooks/1/a?wait=true"},
        {"https://discord.com/api/v6/webhooks/1/a", "https://discord.com/api/v10/webhooks/1/a"},
        {"https://discord.com/api/v10/webhooks/1/a", "https://discord.com/api/v10/webhooks/1/a"},
        {"https://me@DISCORD.com:443/api/webhooks/1/a",
         "https://me@DISCORD.com:443/api/v10/webhooks/1/a"},
        {"https://hooks.example.com/api/webhooks/1/a",
         "https://hooks.example.com/api/webhooks/1/a"},
        {"https://discord.com.example.com/api/v6/webhooks/1/a",
         "https://discord.com.example.com/api/v6/webhooks/1/a"},
        {"https://discord.com@example.com/api/webhooks/1/a",
         "https://discord.com@example.com/api/webhooks/1/a"},
        {"http://127.0.0.1:9/other", "http://127.0.0.1:9/other"},
        {"http://127.0.0.1:9", "http://127.0.0.1:9"},
    };
    const struct profile *discord = profile_find(str_of("discord"));
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_init(&out, 2048);
        assert_int_equal(discord->rewrite_url(str_of(rows[i][0]), &out), 0);
        expect_text(buf_str(&out), rows[i][1]);
        buf_fini(&out);
    }
    buf_init(&out, 2048);
    assert_int_equal(discord->rewrite_url(str_of("nonsense"), &out), ERR_INVALID);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discord),
        cmocka_unit_test(test_notification),
        cmocka_unit_test(test_discord_transform),
        cmocka_unit_test(test_slack_transform),
        cmocka_unit_test(test_transform_parts),
        cmocka_unit_test(test_what_comes_to_blanks),
        cmocka_unit_test(test_transform_walks),
        cmocka_unit_test(test_transform_faults),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_discord_text),
        cmocka_unit_test(test_discord_limits),
        cmocka_unit_test(test_slack),
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_rewrite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
