"""Shows that tests/check_structure.py can fail, and when it must not: a small tree that obeys every rule
passes, each change in BROKEN, which breaks one, is found at its line, and each in FINE is not."""

import subprocess
import sys
from pathlib import Path

import check_structure
import pytest
from structure import tree

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
    "the client uses store": (
        {"src/cli/client.c": '/* Asks. */\n#include "store/apps.h"\n',
         "src/meson.build": GOOD["src/meson.build"] + "cli = ['cli/client.c']\n"},
        "src/cli/client.c:2: ", "cli must not use store",
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
        included("src/store/apps.c", "#include <uv.h>"), "src/store/apps.c:2: ", "only src/io/ and io/loop_uv.h",
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
    "create function ms_of(t timestamptz) returns bigint as 'select 1' language sql;\n"
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
    "columns": 'static const char columns[] = "id, name, ms_of(created_at)";',
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


def files(**texts):
    """A tree of GOOD and of new files: a double underscore in a name is a slash, the last one a dot."""
    names = {}
    for name, text in texts.items():
        name = name.replace("__", "/")
        head, _, ending = name.rpartition("_")
        path = f"{'include' if ending == 'h' and not head.startswith('src/') else 'src'}/{head.removeprefix('src/')}.{ending}"
        if ending == "h" and path.startswith("include/"):
            guard = head.replace("/", "_").upper() + "_H"
            text = f"/* New. */\n#ifndef {guard}\n#define {guard}\n\n{text}\n#endif\n"
        else:
            text = f"/* New. */\n{text}"
        names[path] = text
    built = [f"'{n.removeprefix('src/')}'" for n in names if n.endswith(".c")]
    if built:
        names["src/meson.build"] = GOOD["src/meson.build"] + f"more = [{', '.join(built)}]\n"
    return names


def main_calling(*texts):
    body = "".join(f"    {text};\n" for text in texts)
    return {"src/main.c": f"/* The commands. */\n#include \"base/buf.h\"\n\nint main(void)\n{{\n{body}    return buf_size();\n}}\n"}


NO_CALLER = {
    "nobody calls it": (
        files(base__text_h="int text_size(void);\n", base__text_c='#include "base/text.h"\n\nint text_size(void)\n{\n    return 0;\n}\n'),
        "include/base/text.h:5: text_size() is declared for others, but nothing uses it",
    ),
    "a private header's": (
        {"src/io/db_internal.h": "/* Shared in io. */\nvoid db_extra(void);\n"},
        "src/io/db_internal.h:2: db_extra() is declared for others, but nothing uses it",
    ),
    "only a test calls it": (
        {**files(base__text_h="int text_size(void);\n"), "tests/unit/text_test.c": "/* Test. */\nint main(void)\n{\n    return text_size();\n}\n"},
        "include/base/text.h:5: text_size() is declared for others, but only tests use it",
    ),
    "only itself calls it": (
        files(base__text_h="int text_size(void);\n", base__text_c='#include "base/text.h"\n\nint text_size(void)\n{\n    return text_size();\n}\n'),
        "include/base/text.h:5: text_size() is declared for others, but nothing uses it",
    ),
    "only what nobody calls calls it": (
        files(
            base__text_h="int text_size(void);\nint text_all(void);\n",
            base__text_c='#include "base/text.h"\n\nint text_all(void)\n{\n    return text_size();\n}\n',
        ),
        "include/base/text.h:5: text_size() is declared for others, but nothing uses it",
    ),
    "a comment, a string and a member name it": (
        {
            **files(base__text_h="int text_size(void);\n"),
            **main_calling("/* text_size() */ buf_size()", 'puts("text_size")', "((struct text *)0)->text_size = 1"),
        },
        "include/base/text.h:5: text_size() is declared for others, but nothing uses it",
    ),
    "its namesake is static": (
        {
            **files(base__text_h="int text_size(void);\n"),
            "src/main.c": GOOD["src/main.c"].replace("int main", "static int text_size(void)\n{\n    return 1;\n}\n\nint main").replace("buf_size()", "buf_size() + text_size()"),
        },
        "include/base/text.h:5: text_size() is declared for others, but nothing uses it",
    ),
    "a table that nobody reads": (
        files(base__text_h="extern const char *const text_names[];\n", base__text_c='#include "base/text.h"\n\nconst char *const text_names[] = {"a", "b"};\n'),
        "include/base/text.h:5: text_names is declared for others, but nothing uses it",
    ),
    "inline in its header": (
        files(base__text_h="static inline int text_size(void)\n{\n    return 1;\n}\n"),
        "include/base/text.h:5: text_size() is declared for others, but nothing uses it",
    ),
    "after an attribute": (
        files(base__text_h="LIKE_PRINTF(1, 2) void text_say(const char *format, ...);\n"),
        "include/base/text.h:5: text_say() is declared for others, but nothing uses it",
    ),
    "by a function's type": (
        files(base__text_h="typedef void text_cb(void *arg);\ntext_cb text_done;\n"),
        "include/base/text.h:6: text_done is declared for others, but nothing uses it",
    ),
    "a constant": (
        files(base__text_h="#define TEXT_MAX 10\n"), "include/base/text.h:5: TEXT_MAX is declared for others, but nothing uses it",
    ),
    "only its own file": (
        {
            **files(
                base__text_h="int text_size(void);\nint text_all(void);\n",
                base__text_c='#include "base/text.h"\n\nint text_size(void)\n{\n    return 1;\n}\n\nint text_all(void)\n{\n    return text_size();\n}\n',
            ),
            **main_calling("text_all()"),
        },
        "include/base/text.h:5: text_size() is declared for others, but only its own file uses it: make it static",
    ),
}


@pytest.mark.parametrize("name", NO_CALLER)
def test_name_without_a_caller_is_found(check, name):
    changes, finding = NO_CALLER[name]
    assert finding in check(changes)


CALLED = {
    "by a table of functions": {
        **files(
            api__apps_h="#define APPS_MAX 3\n\nvoid apps_list(void);\nextern const struct route routes[];\n",
            api__apps_c='#include "api/apps.h"\n\nvoid apps_list(void)\n{\n}\n',
            api__route_c='#include "api/apps.h"\n\nconst struct route routes[] = {\n    {"GET", "/apps", APPS_MAX, apps_list},\n};\n',
        ),
        **main_calling("serve(routes)"),
    },
    "by a designated initialiser": {
        **files(
            core__chat_h="extern const struct profile profile_chat;\nvoid chat_render(void);\n",
            core__chat_c='#include "core/chat.h"\n\nconst struct profile profile_chat = {\n    .name = "chat",\n    .render = chat_render,\n};\n',
            core__text_c='#include "core/chat.h"\n\nvoid chat_render(void)\n{\n}\n',
        ),
        **main_calling("serve(&profile_chat)"),
    },
    "by a macro that pastes names": {
        **files(
            core__profile_h="extern const struct profile *const profiles[];\n\n#define PROFILES(X) X(chat) X(slack)\n",
            core__each_h="extern const struct profile profile_chat, profile_slack;\n",
            core__profile_c='#include "core/each.h"\n#include "core/profile.h"\n\n#define POINTER(name) &profile_##name,\n\nconst struct profile *const profiles[] = {PROFILES(POINTER)};\n',
            core__chat_c='#include "core/each.h"\n\nconst struct profile profile_chat = {1}, profile_slack = {2};\n',
        ),
        **main_calling("serve(profiles)"),
    },
    "by statements that a macro makes": {
        **files(
            store__apps_h='#define STATEMENT(name) const struct db_stmt stmt_##name = {#name}\n\nextern const struct db_stmt stmt_app_get;\n',
            store__get_c='#include "store/apps.h"\n\nSTATEMENT(app_get);\n',
        ),
        **main_calling("serve(&stmt_app_get)"),
    },
    "by a header's macro": {
        **files(
            base__say_h='void say_line(const char *text);\n\n#define say(text) say_line(text)\n',
            base__say_c='#include "base/say.h"\n\nvoid say_line(const char *text)\n{\n    (void)text;\n}\n',
        ),
        **main_calling('say("hello")'),
    },
    "as a callback, from a function that is called": {
        **files(
            base__text_h="void text_done(void *arg);\nint text_start(void);\n",
            base__text_c='#include "base/text.h"\n\nvoid text_done(void *arg)\n{\n    (void)arg;\n}\n',
            base__start_c='#include "base/text.h"\n\nint text_start(void)\n{\n    return start(text_done);\n}\n',
        ),
        **main_calling("text_start()"),
    },
    "a constant as a size": {
        **files(base__text_h="#define TEXT_SIZE 10\n\nvoid text_put(char out[TEXT_SIZE]);\n", base__text_c='#include "base/text.h"\n\nvoid text_put(char out[TEXT_SIZE])\n{\n    out[0] = 0;\n}\n'),
        **main_calling("text_put(0)"),
    },
}


@pytest.mark.parametrize("name", CALLED)
def test_called_name_is_not_found(check, name):
    changes = CALLED[name]
    users = "".join(f'#include "{n.removeprefix("include/")}"\n' for n in sorted(changes) if n.startswith("include/"))
    main = changes["src/main.c"].replace('#include "base/buf.h"\n', '#include "base/buf.h"\n' + users)
    found = check({**changes, "src/main.c": main})
    assert [f for f in found if "not formatted" not in f] == []


SIZE_C = '#include "base/text.h"\n\nint text_size(void)\n{\n    return 0;\n}\n'
SIZE_TEST = {"tests/unit/text_test.c": "/* Test. */\nint main(void)\n{\n    return text_size();\n}\n"}


def test_what_is_for_tests_alone_is_named_and_used(check, monkeypatch):
    monkeypatch.setattr(tree, "SEAMS", {"text_size": "tests have a size of their own"})
    changes = files(base__text_h="int text_size(void);\n", base__text_c=SIZE_C)
    place = "include/base/text.h:5: text_size()"
    assert not [f for f in check({**changes, **SIZE_TEST}) if f.startswith(place)]
    called = check({**changes, **SIZE_TEST, **main_calling("text_size()")})
    assert f"{place} is not for tests alone any more: take it off SEAMS" in called
    unused = check({**changes, "tests/unit/text_test.c": None})
    assert f"{place} is declared for others, but nothing uses it" in unused


def test_what_a_generator_names_is_used(check):
    changes = {**files(base__text_h="#define TEXT_MAX 10\n"), "src/base/embed.py": 'print("int sizes[TEXT_MAX];")\n'}
    assert not [f for f in check(changes) if "TEXT_MAX" in f]


def test_lists_of_exceptions_are_in_use():
    names = tree.Names(check_structure.sources_of(TOP))
    assert [name for name in tree.SEAMS if name not in names.exported] == []


def noun(name, *calls):
    body = "".join(f"    {call}();\n" for call in calls)
    return f'#include "api/all.h"\n\nvoid {name}_run(void)\n{{\n{body}}}\n'


ALL = "void a_run(void);\nvoid b_run(void);\nvoid c_run(void);\n"

CIRCLES = {
    "of two": (
        files(src__api__all_h=ALL, api__a_c=noun("a", "b_run"), api__b_c=noun("b", "a_run")),
        "src/api/a.c:1: a circle of 2 files: src/api/a.c -> src/api/b.c (b_run), src/api/b.c -> src/api/a.c (a_run)",
    ),
    "of three": (
        files(src__api__all_h=ALL, api__a_c=noun("a", "b_run"), api__b_c=noun("b", "c_run"), api__c_c=noun("c", "a_run")),
        "src/api/a.c:1: a circle of 3 files",
    ),
    "through a table": (
        files(
            src__api__all_h=ALL + "extern const struct route routes[];\n",
            api__a_c=noun("a", "b_run"),
            api__b_c='#include "api/all.h"\n\nconst struct route routes[] = {{.method = "GET", .handler = a_run}};\n\nvoid b_run(void)\n{\n}\n',
        ),
        "src/api/a.c:1: a circle of 2 files",
    ),
    "through a static function": (
        files(
            src__api__all_h=ALL, api__a_c=noun("a", "b_run"),
            api__b_c='#include "api/all.h"\n\nstatic void later(void)\n{\n    a_run();\n}\n\nvoid b_run(void)\n{\n    later();\n}\n',
        ),
        "src/api/a.c:1: a circle of 2 files",
    ),
    "of headers": (
        {
            "src/api/one.h": '/* One. */\n#include "api/two.h"\n', "src/api/two.h": '/* Two. */\n#include "api/one.h"\n',
        },
        "src/api/one.h:1: headers include each other: src/api/one.h, src/api/two.h",
    ),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_circle_is_found(check, name):
    changes, finding = CIRCLES[name]
    assert any(f.startswith(finding) for f in check(changes))


def test_circle_with_a_reason_stays_until_it_is_gone(check, monkeypatch):
    monkeypatch.setattr(tree, "CIRCLES", {("src/api/a.c", "src/api/b.c"): "one noun in two files"})
    pair = files(src__api__all_h=ALL, api__a_c=noun("a", "b_run"), api__b_c=noun("b", "a_run"))
    assert not [f for f in check(pair) if "circle" in f]
    broken = files(src__api__all_h=ALL, api__a_c=noun("a", "b_run"), api__b_c=noun("b"))
    assert "src/api/a.c:1: src/api/a.c, src/api/b.c are no circle any more: take it off CIRCLES" in check(broken)


def test_arrows_of_one_direction_are_no_circle(check):
    static = '#include "api/all.h"\n\nstatic void a_run(void)\n{\n}\n\nvoid c_run(void)\n{\n    a_run();\n}\n'
    changes = files(src__api__all_h=ALL, api__a_c=noun("a", "b_run", "c_run"), api__b_c=noun("b", "c_run"), api__c_c=static)
    assert not [f for f in check(changes) if "circle" in f]


def test_h2o_is_known_to_three_nouns(check):
    user = "\nvoid {}_send(h2o_req_t *req);\n"
    fine = files(
        src__api__call_h=user.format("call"), api__server_c=user.format("server"), api__apps_c="/* h2o_req_t */\nint apps;\n",
    )
    assert not [f for f in check(fine) if "h2o" in f]
    found = check({**fine, **files(src__api__page_h=user.format("page"))})
    assert [f for f in found if "h2o" in f] == [
        "src/api/page.h:3: uses h2o_req_t: only call, refusal and server of api/ may"
    ]


STATUSES = {
    "compared": "static int fails(int status)\n{\n    return status >= 400;\n}",
    "compared, a member": "static int gone(struct answer *a)\n{\n    return a->seen.status == 410;\n}",
    "compared, first": "static int gone(struct answer *a)\n{\n    return 410 == a->status;\n}",
    "compared, a call": "static int gone(struct answer *a)\n{\n    return answer_status(a) != 404;\n}",
    "a case": "static int gone(int n)\n{\n    switch (n) {\n    case 410:\n        return 1;\n    }\n    return 0;\n}",
    "a designated initialiser": "static const struct answer nothing = {.body = NULL, .status = 204};",
    "an assignment": "static void refuse(struct answer *a)\n{\n    a->http_code = 403;\n}",
    "a table of errors": 'static const struct told told[] = {\n    {ERR_NOT_FOUND, 404, "not_found", "Not found"},\n};',
    "a table of judgements": "static const struct rule rules[] = {\n    {400, STATUS_FAILS},\n};",
    "an answer": 'static void refuse(struct call *call)\n{\n    reply_send(call, 403, "no");\n}',
    "a macro": "#define STATUS_GONE 410",
    "in a macro": "#define IS_SUCCESS(a) ((a)->status < 300)",
    "a constant": "enum { STATUS_GONE = 410 };",
}


@pytest.mark.parametrize("name", STATUSES)
def test_status_number_is_found(check, name):
    text = f"\n{STATUSES[name]}\n"
    for file in ("src/io/db.c", "src/store/apps.c", "src/main.c"):
        assert [f for f in check(added(file, text)) if f.startswith(file) and "HTTP status" in f]
        check({})
    assert not [f for f in check(added("src/api/reply.c", text)) if "HTTP status" in f]


def test_other_numbers_are_no_statuses(check):
    text = '''
#define KEEP_MAX 200

enum { DEADLINE_MS = 500, PAGE = 100 };

static const struct option options[] = {{"POSTHORN_LISTEN", KIND_TEXT, "127.0.0.1", 1, 200}, {400, "x"}};

static int wait(int64_t ms, const char *status_text)
{
    char line[512];
    snprintf(line, 500, "%s", status_text);
    return ms > 300 && start(line, 200) && line[100] == 'x' ? 404 : 0;
}
'''
    assert not [f for f in check(added("src/io/db.c", text)) if "HTTP status" in f]


def test_header_that_only_its_own_folder_includes(check):
    changes = files(io__dns_h="int dns_size(void);\n", io__dns_c='#include "io/dns.h"\n\nint dns_size(void)\n{\n    return 0;\n}\n')
    finding = "include/io/dns.h:1: no other folder gets to it: it belongs beside its source"
    assert finding in check(changes)
    assert finding not in check({**changes, **included("src/store/apps.c", '#include "io/dns.h"')})


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
