"""tests/words.txt shows every text that people read, and tests/words.py finds them in our style."""

from pathlib import Path

import words

TOP = Path(__file__).resolve().parents[2]


def test_table_is_up_to_date():
    shown, now = words.TABLE.read_text().splitlines(), words.table(TOP).splitlines()
    new = [line.strip() for line in now if line not in shown]
    gone = [line.strip() for line in shown if line not in now]
    assert shown == now, (
        f"read these as their readers will, then run tests/words.py --write: new {new}, gone {gone}"
    )


SOURCE = r'''/* A file. "not this", he said. */
#include "base/buf.h"

#define MANAGED "it is kept by the server's settings: change them there"
#define MUST(what) "must have " what

static const char *const names[] = {"js", "python-compact", NULL};

static const struct problem problems[] = {
    {ERR_NOT_FOUND, 404, "Not found"},
    {.err = ERR_TIMEOUT, .title = "It took too long"},
};

static const struct db_stmt stmt = {
    "app_get",
    "select id from app"
    " where id = $1",
};

static const char *check(struct str value)
{
    if (value.n > MAX)
        return "is longer than "
               "256 bytes";
    log_warn("odd_value", "value is odd n=%zu", value.n);
    assert(!"this cannot be");
    problem(b, "missing");
    reply_invalid(call, "cursor", "stale");
    fprintf(stderr, "posthorn: no app named %s\n", name);
    snprintf(line, sizeof line, "%s %s", a, b);
    snprintf(line, sizeof line, "at most %" PRId64 " of them", n);
    buf_printf(head, "Content-Type: application/json\r\nX-Id: %s\r\n", id);
    redis_eval(r, "return redis.call('get', KEYS[1])");
    return NULL;
}
'''

READ = """api:
    at most %ld of them
    is longer than 256 bytes
    It took too long
    it is kept by the server's settings: change them there
    missing
    must have ?
    Not found
    posthorn: no app named %s
    stale
"""


def test_what_people_read_is_found_and_nothing_else(tmp_path):
    path = tmp_path / "src" / "api" / "file.c"
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)
    found = words.table(tmp_path).splitlines()
    assert sorted(found) == sorted(READ.splitlines())


def test_usage_keeps_its_lines(tmp_path):
    path = tmp_path / "src" / "main.c"
    path.parent.mkdir(parents=True)
    path.write_text('/* Main. */\nstatic const char usage[] = "usage: posthorn COMMAND\\n"\n                            "  serve   run it\\n";\n')
    assert words.table(tmp_path) == "commands:\n    usage: posthorn COMMAND\n          serve   run it\n"
