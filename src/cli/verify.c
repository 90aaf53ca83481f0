/* posthorn verify: does a signature fit, and if not, what would? */
#include "core/verify.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "body.h"
#include "report.h"
#include "rows.h"
#include "secret.h"
#include "show.h"

#include <stdlib.h>

#define HEAD_MAX    ((size_t)256 << 10)
#define SECRET_ROOM ((size_t)256 << 10) /* a file is read in large pieces */

struct given {
    struct buf secret, head, body;
    int64_t now_ms;
};

static bool read_time(const struct cli *cli, int64_t *now_ms)
{
    const char *at = cli_flag(cli, "at");
    int64_t seconds;

    if (cli_flag(cli, "ignore-time") != NULL)
        *now_ms = 0;
    else if (at == NULL)
        *now_ms = clock_wall_ms();
    else if (str_to_i64(str_of(at), 1, INT32_MAX, &seconds))
        *now_ms = seconds * 1000;
    else if (!clock_parse(str_of(at), now_ms)) {
        show_error("--at %s, or seconds since 1970", CLOCK_PARSE_RULE);
        return false;
    }
    return true;
}

static bool read_head(const struct cli *cli, struct buf *head)
{
    const char *file = cli_flag(cli, "headers");

    if (file != NULL && !body_read_bytes(head, file))
        return false;
    buf_add_text(head, "\n");
    for (int i = 0; i < cli->many_count; i++)
        buf_printf(head, "%s\n", cli->many[i]);
    if (file != NULL || cli->many_count > 0)
        return true;
    show_error(
        "give the request's headers: --header 'webhook-signature: …' and so on, or --headers @FILE");
    return false;
}

static bool read_given(const struct cli *cli, struct given *given)
{
    const char *body = cli_flag(cli, "body");

    if (!secret_read(&given->secret, cli) || !read_head(cli, &given->head) ||
        !read_time(cli, &given->now_ms))
        return false;
    if (given->secret.n == 0)
        show_error("give the webhook's secret: --secret-file FILE, --secret, or POSTHORN_SECRET");
    else if (body == NULL)
        show_error("give the body as it came: --body @FILE, or --body - for standard input");
    else
        return body_read_bytes(&given->body, body);
    return false;
}

static int run(struct cli *cli)
{
    static struct findings findings;
    const char *computed = cli_flag(cli, "computed");
    struct given given;
    int status = STATUS_USAGE;

    buf_init(&given.secret, SECRET_ROOM);
    buf_init(&given.head, HEAD_MAX);
    buf_init(&given.body, BODY_MAX + 65536);
    if (read_given(cli, &given)) {
        verify_run(&(struct verify){.head = buf_str(&given.head),
                                    .body = buf_str(&given.body),
                                    .secret = buf_str(&given.secret),
                                    .computed = str_of(computed),
                                    .now_ms = given.now_ms},
                   &findings);
        status = report_print(cli, &findings);
    }
    crypto_forget(&given.secret);
    buf_fini(&given.head);
    buf_fini(&given.body);
    return status;
}

static const struct flag flags[] = {
    SECRET_FLAGS,
    {"body", "BODY", "the body as it came: @FILE, or - for standard input", FLAG_TEXT, FLAG_OWN},
    {"header", "LINE", "a header as it came, 'Name: value'; may be there again", FLAG_MANY,
     FLAG_OWN},
    {"headers", "LINES", "all of them: @FILE, or - for standard input", FLAG_TEXT, FLAG_OWN},
    {"computed", "SIGNATURE", "what the receiver computed: says what it did to get that", FLAG_TEXT,
     FLAG_OWN},
    {"at", "TIME", "when the request came, for the age of its timestamp (now)", FLAG_TEXT,
     FLAG_OWN},
    {"ignore-time", NULL, "do not judge the age of its timestamp", FLAG_SWITCH, FLAG_OWN},
};

static const struct command rows[] = {
    {.name = "verify",
     .arguments = "",
     .summary = "Says whether a request's signature fits, and if not, what would make it fit",
     .details =
         "It tries the usual mistakes: the secret decoded or not, a body that was parsed and\n"
         "written again, another text that is signed, hex and base64, an old timestamp, a\n"
         "header that a proxy renamed. Nothing is sent anywhere.\n",
     .example = "posthorn verify --secret-file secret --headers @headers --body @body.json",
     FLAGS(flags),
     .run = run,
     .offline = true},
};

const struct commands verify_commands = {rows, ARRAY_LEN(rows)};
