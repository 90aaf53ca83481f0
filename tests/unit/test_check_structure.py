"""Shows that tests/check_structure.py can fail, and when it must not: a small tree that obeys every rule
passes, each change in BROKEN, which breaks one, is found at its line, and each in FINE is not."""

import subprocess
import sys
from pathlib import Path

import check_structure
import pytest

TOP = Path(__file__).resolve().parents[2]
UNDONE = "TO" + "DO"

GOOD = {
    "src/meson.build": "made = custom_target('made', output: 'made.c')\n"
    "base = ['base/buf.c', 'io/db.c', 'store/apps.c', 'api/call.c', 'api/reply.c', 'main.c']\n",
    "include/base/buf.h": """/* A buffer. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

int buf_size(void);

#endif
""",
    "include/io/db.h": """/* The database. */
#ifndef IO_DB_H
#define IO_DB_H

#include "base/buf.h"

#endif
""",
    "src/base/buf.c": """/* The buffer's size. */
#include "base/buf.h"

/* strcpy(a, b) and "{" in a comment or a string are not code. */
static const char *const names[] = {"strcpy(", "{", "SELECT"};

struct signals {
    int (*signal)(void);
};

int buf_size(void)
{
    struct signals s = {0};
    return names[0][0] == '{' ? s.signal() : 0;
}
""",
    "src/io/db.c": """/* The only user of libpq. */
#include "io/db.h"

#include <libpq-fe.h>

static const char cancelled[] = "57014";
""",
    "src/store/apps.c": """/* Apps in the ledger. */
#include "io/db.h"

static const char sql[] = "SELECT id FROM app";
""",
    "src/api/reply.c": """/* Answers. */
#include "io/db.h"

#include <stdio.h>
#include <string.h>

static const char method[] = "DELETE";
""",
    "src/api/call.c": """/* Requests. */
#include <h2o.h>
""",
    "src/main.c": """/* The commands. */
#include "base/buf.h"

int main(void)
{
    return buf_size();
}
""",
}

LONG_FUNCTION = "\nint buf_long(void)\n{\n" + "    buf_size();\n" * 78 + "}\n"
FITTING_FUNCTION = "\nint buf_long(void)\n{\n" + "    buf_size();\n" * 77 + "}\n"


@pytest.fixture
def check(tmp_path):
    """Lays GOOD out with `changes` (None removes a file) and returns what is found, in order."""

    def run(changes):
        for name, text in {**GOOD, **changes}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text)
            elif path.exists():
                path.unlink()
        (tmp_path / ".clang-format").write_text((TOP / ".clang-format").read_text())
        found = check_structure.findings_of(tmp_path, check_structure.sources_of(tmp_path), [])
        return [f"{name}:{line}: {what}" for name, line, what in sorted(set(found))]

    return run


def command(root):
    """What `tests/check_structure.py` says of a tree: its status, findings and summary."""
    result = subprocess.run(
        [sys.executable, TOP / "tests" / "check_structure.py", "--root", root],
        capture_output=True, text=True, check=False,
    )
    lines = result.stdout.splitlines()
    assert lines and lines[-1].startswith("structure: "), result.stderr
    return result.returncode, lines[:-1], lines[-1]


def test_good_tree_passes(check, tmp_path):
    assert check({}) == []
    status, findings, summary = command(tmp_path)
    assert (status, findings) == (0, [])
    assert summary.startswith("structure: 8 files, 2 functions, median ")


def test_command_shows_findings_and_fails(check, tmp_path):
    check(added("src/main.c", "\nint  x;\n"))
    status, findings, summary = command(tmp_path)
    assert status == 1
    assert findings == ["src/main.c:9: not formatted: clang-format-14 -i src/main.c"]
    assert summary.endswith(" 1 findings")


def added(name, text):
    return {name: GOOD[name] + text}


def included(name, line):
    head, rest = GOOD[name].split("\n", 1)
    return {name: f"{head}\n{line}\n{rest}"}


def in_core(text):
    return {
        "src/core/event.c": f"/* Events. */\n#include <stdio.h>\n\n{text}",
        "src/meson.build": GOOD["src/meson.build"] + "core = ['core/event.c']\n",
    }


BROKEN = {
    "base uses io": (
        included("src/base/buf.c", '#include "io/db.h"'), "src/base/buf.c:2: ", "base must not use io",
    ),
    "public header crosses": (
        {"include/base/buf.h": GOOD["include/base/buf.h"].replace("\nint", '#include "io/db.h"\n\nint')},
        "include/base/buf.h:4: ", "base must not use io",
    ),
    "io uses core": (
        included("src/io/db.c", '#include "core/event.h"'), "src/io/db.c:2: ", "io must not use core",
    ),
    "core uses store": (
        {"src/core/event.c": '/* Events. */\n#include "store/apps.h"\n',
         "src/meson.build": GOOD["src/meson.build"] + "core = ['core/event.c']\n"},
        "src/core/event.c:2: ", "core must not use store",
    ),
    "api uses worker": (
        included("src/api/reply.c", '#include "worker/worker.h"'), "src/api/reply.c:2: ", "api must not use worker",
    ),
    "worker uses api": (
        {"src/worker/claim.c": '/* Claims. */\n#include "api/server.h"\n',
         "src/meson.build": GOOD["src/meson.build"] + "worker = ['worker/claim.c']\n"},
        "src/worker/claim.c:2: ", "worker must not use api",
    ),
    "private header of another layer": (
        included("src/store/apps.c", '#include "io/db_internal.h"'), "src/store/apps.c:2: ", "not a public header of io",
    ),
    "relative include": (
        included("src/store/apps.c", '#include "../io/db.h"'), "src/store/apps.c:2: ", "name it from the root",
    ),
    "libpq outside io": (
        included("src/store/apps.c", "#include <libpq-fe.h>"), "src/store/apps.c:2: ", "only io/",
    ),
    "hiredis outside io": (
        included("src/api/reply.c", "#include <hiredis/hiredis.h>"), "src/api/reply.c:2: ", "only io/",
    ),
    "curl outside io": (
        included("src/main.c", "#include <curl/curl.h>"), "src/main.c:2: ", "only io/",
    ),
    "c-ares outside io": (
        included("src/base/buf.c", "#include <ares.h>"), "src/base/buf.c:2: ", "only io/",
    ),
    "h2o outside api": (
        included("src/io/db.c", "#include <h2o.h>"), "src/io/db.c:2: ", "only call.c,",
    ),
    "h2o elsewhere in api": (
        included("src/api/reply.c", "#include <h2o.h>"), "src/api/reply.c:2: ", "only call.c,",
    ),
    "json-c elsewhere": (
        included("src/base/buf.c", "#include <json-c/json.h>"), "src/base/buf.c:2: ", "only core/",
    ),
    "uv_poll outside io": (
        added("src/api/reply.c", "\nvoid reply_watch(void *p)\n{\n    uv_poll_stop(p);\n}\n"),
        "src/api/reply.c:11: ", "uses uv_poll_stop",
    ),
    "a libuv type outside io": (
        added("src/api/reply.c", "\nstruct reply_later {\n    uv_timer_t timer;\n};\n"),
        "src/api/reply.c:10: ", "uses uv_timer_t",
    ),
    "libuv in a macro": (
        added("src/store/apps.c", "\n#define LATER(t) \\\n    uv_timer_stop(t)\n"),
        "src/store/apps.c:7: ", "uses uv_timer_stop",
    ),
    "libuv's header outside io": (
        included("src/store/apps.c", "#include <uv.h>"), "src/store/apps.c:2: ", "only io/",
    ),
    "banned in a macro": (
        added("src/base/buf.c", "\n#define SAY(out, what) sprintf(out, \"%s\", what)\n"),
        "src/base/buf.c:17: ", "calls sprintf()",
    ),
    "a clock in core": (
        in_core("int64_t event_age(int64_t at)\n{\n    return clock_wall_ms() - at;\n}\n"),
        "src/core/event.c:6: ", "calls clock_wall_ms(): core/ is told the time",
    ),
    "a clock in core, by macro": (
        in_core("#define AGE(at) (time(NULL) - (at))\n"), "src/core/event.c:4: ", "calls time()",
    ),
    "a file in core": (
        in_core("void event_keep(FILE *out)\n{\n    (void)out;\n}\n"), "src/core/event.c:4: ", "uses FILE",
    ),
    "the environment in core": (
        in_core('const char *event_home(void)\n{\n    return getenv("HOME");\n}\n'), "src/core/event.c:6: ", "uses getenv",
    ),
    "a log line in core": (
        in_core('void event_say(void)\n{\n    log_info("event", "n=%d", 1);\n}\n'), "src/core/event.c:6: ", "uses log_info",
    ),
    "a system header in core": (
        in_core("#include <sys/stat.h>\n"), "src/core/event.c:4: ", "core/ does no I/O",
    ),
    "a script for Redis in api": (
        added("src/api/reply.c", '\nstatic const char lua[] =\n    "local n = redis.call(\'get\', KEYS[1])\\n"\n    "return n\\n";\n'),
        "src/api/reply.c:10: ", "script for Redis",
    ),
    "the number of a state": (
        added("src/store/apps.c", '\nstatic const char due[] = "select id from x"\n                          " where state = 0";\n'),
        "src/store/apps.c:6: ", "number of a state",
    ),
    "the numbers of states in a list": (
        added("src/store/apps.c", '\n#define OPEN "d.state in (0, 4)"\n'), "src/store/apps.c:6: ", "number of a state",
    ),
    "the number of a state in a case": (
        added("src/store/apps.c", '\nstatic const char move[] = "update x set state = case when a then 3 else b end";\n'),
        "src/store/apps.c:6: ", "number of a state",
    ),
    "the number of a state behind another name": (
        added("src/store/apps.c", '\nstatic const char hold[] = "select case w.status when 1 then b end";\n'),
        "src/store/apps.c:6: ", "number of a state",
    ),
    "long function": (
        added("src/base/buf.c", LONG_FUNCTION), "src/base/buf.c:17: ", "buf_long() has 81 lines",
    ),
    "long file": (
        added("src/base/buf.c", "\n/* More. */" * 700), "src/base/buf.c:601: ", "at most 600",
    ),
    "unbalanced braces": (
        added("src/base/buf.c", "\n#if 1\nint buf_odd(void)\n{\n#endif\n"), "src/base/buf.c:20: ", "braces do not balance",
    ),
    "no opening comment": (
        {"src/main.c": GOOD["src/main.c"].split("\n", 1)[1]}, "src/main.c:1: ", "does not open with a comment",
    ),
    "no include guard": (
        {"include/io/db.h": '/* The database. */\n#include "base/buf.h"\n'}, "include/io/db.h:1: ", "IO_DB_H",
    ),
    "another's include guard": (
        {"include/io/db.h": GOOD["include/io/db.h"].replace("IO_DB_H", "BASE_BUF_H")}, "include/io/db.h:1: ", "IO_DB_H",
    ),
    "not in the build": (
        {"src/core/event.c": "/* Events. */\n"}, "src/core/event.c:1: ", "not listed in src/meson.build",
    ),
    "listed but missing": (
        {"src/store/apps.c": None}, "src/meson.build:1: ", "store/apps.c, which does not exist",
    ),
    "unfinished": (
        added("src/main.c", f"\n/* {UNDONE}: more. */\n"), "src/main.c:9: ", "unfinished",
    ),
    "unfinished script": ({"deploy/x.sh": f"# {UNDONE}\n"}, "deploy/x.sh:1: ", "unfinished"),
    "not formatted": (added("src/main.c", "\nint  x;\n"), "src/main.c:9: ", "not formatted"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rule_is_found(check, name):
    changes, place, what = BROKEN[name]
    findings = check(changes)
    hits = [line for line in findings if line.startswith(place) and what in line]
    assert hits, findings


TABLES = {
    "migrations/0001_ledger.sql": "create table webhook (id uuid primary key);\ncreate table if not exists delivery (id uuid);\n"
}

# As src/store/ writes SQL: lower case, over adjacent literals, in tables, through macros.
SQL = {
    "capitals": 'static const char sql[] = "DELETE FROM app";',
    "capitals, with": 'static const char sql[] = "WITH x AS (TABLE app)";',
    "a statement in a table": '''static const struct db_stmt stmt = {
    "webhook_get",
    "select w.id, w.url from webhook w"
    " where w.id = $1::uuid",
    1};''',
    "words broken by the literals": '''static const char sql[] = "sel"
                          "ect id fr"
                          "om webhook";''',
    "columns by macro": '''#define COLUMNS "w.id, w.url"

static const char sql[] = "select " COLUMNS " from webhook w";''',
    "the verb by macro": '''#define TAKE "delete "

static const char sql[] = TAKE "from delivery where id = $1";''',
    "a number by macro": '''static const char sql[] = "select id from delivery where state = " STATE(PENDING)
                          " order by id";''',
    "in a macro's body": '''#define TOUCH(table) \\
    "update " #table " set updated_at = now()"''',
    "statements made by a macro": '''#define STATEMENT(name, text, count) const struct db_stmt stmt_##name = {#name, text, count}

STATEMENT(webhook_get, "select id from webhook", 0);''',
    "a designated initialiser": '''static const struct db_stmt stmt = {
    .name = "release",
    .sql = "update delivery d set lease_until = null"
           " returning d.id",
};''',
    "beside functions": '''static const struct step steps[] = {
    {"forget", forget, "delete from event_type"},
};''',
    "an argument": '''static int forget(struct dbsync *db)
{
    return dbsync_script(db, "begin; update webhook set status = 1; commit");
}''',
    "chosen": '''static const char *order(bool down)
{
    return down ? " order by id desc" : " order by id limit 1";
}''',
    "a piece with a parameter": 'static const char more[] = " and id < $2::uuid";',
    "a piece with a table": 'static const char more[] = " join webhook w on true";',
    "a session": 'static const char session[] = "set synchronous_commit = off";',
    "listen": 'static const char channel[] = "listen " CHANNEL;',
    "a function of the server": 'static const char lock[] = "select pg_advisory_xact_lock(1)";',
    "insert": '''static const char sql[] = "insert into app (id, name)"
                          " values ($1, $2)"
                          " on conflict do nothing";''',
    "with": '''static const char sql[] = "with gone as ("
                          " delete from subscription"
                          ") select count(*) from gone";''',
    "a new table": 'static const char sql[] = "create unlogged table scratch (id int)";',
}


@pytest.mark.parametrize("name", SQL)
def test_sql_is_found(check, name):
    for file in ("src/api/reply.c", "src/io/db.c", "src/main.c"):  # each alone: check() restores the others
        line = GOOD[file].count("\n") + 2
        findings = check({**TABLES, **added(file, f"\n{SQL[name]}\n")})
        last = line + SQL[name].count("\n")
        hits = [f for f in findings if f.startswith(file) and "SQL text" in f]
        assert len(hits) == 1, findings
        assert line <= int(hits[0].split(":")[1]) <= last


@pytest.mark.parametrize("name", SQL)
def test_store_may_hold_sql(check, name):
    findings = check({**TABLES, **added("src/store/apps.c", f"\n{SQL[name]}\n")})
    assert [f for f in findings if "SQL" in f] == []


# English that a careless pattern would take for SQL, and what only looks like a breach.
FINE = {
    "messages": added("src/api/reply.c", '''
static const char *const messages[] = {
    "select one profile, or leave it out",
    "must be updated with the webhook",
    "the webhook was deleted from this app",
    "update the webhook first",
    "with a whsec_ secret also webhook-id.webhook-timestamp.body",
    "body; with a whsec_ secret also the time",
    "begin again with the first page",
    "is set to a value that nothing takes",
    "insert it into the body",
    "no event type from the catalogue",
    "costs $10 or more",
    "costs $1 and more",
    "no answer from webhook",
    "the delivery is not from event",
    "from event, or none",
    "in order by default",
    "where the key is not known",
    "SELECT",
    "GET /v1/deliveries?limit=10",
    "from 1 to 10",
};
'''),
    "names of states": added("src/store/apps.c", '\nstatic const char due[] = "select id from x where state = " PENDING " and status = $1 and n = 0";\n'),
    "words in comments": added("src/api/reply.c", '''
/* "select id from webhook where id = $1", uv_timer_t, clock_wall_ms(), strcpy() */
static const char name[] = "uv_timer_t";
'''),
    "libuv's names as others' members": added("src/api/reply.c", '''
static int reply_age(struct call *call)
{
    return call->uv_now + call->time(0);
}
'''),
    "pure functions of the clock in core": in_core('''#include <string.h>

const char *event_text(char out[CLOCK_TEXT_SIZE], int64_t wall_ms)
{
    struct reader readers[] = {{.read = read_one, .open = open_one}};
    snprintf(out, 1, "%d", readers[0].read(out));
    return clock_text(out, wall_ms, CLOCK_SECONDS);
}
'''),
}


@pytest.mark.parametrize("name", FINE)
def test_fine_is_not_found(check, name):
    assert check({**TABLES, **FINE[name]}) == []


@pytest.mark.parametrize(
    "name", "sprintf strcpy strcat strtok atoi gets alloca rand localtime signal".split()
)
def test_banned_function_is_found(check, name):
    call = f"\nvoid buf_banned(void)\n{{\n    {name}(0);\n}}\n"
    findings = check(added("src/base/buf.c", call))
    assert findings == [f"src/base/buf.c:19: calls {name}(), which is banned"]


def test_longest_allowed_function_passes(check, tmp_path):
    assert check(added("src/base/buf.c", FITTING_FUNCTION)) == []
    assert "and 80, 0 findings" in command(tmp_path)[2]


def test_empty_tree_fails(tmp_path):
    status, _, summary = command(tmp_path)
    assert status == 1
    assert "structure: 0 files" in summary
