"""Shows that tests/check_structure.py can fail: a small tree that obeys every rule passes, and each
change below, which breaks one, is found at its line."""

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
UNDONE = "TO" + "DO"

GOOD = {
    "src/meson.build": "made = custom_target('made', output: 'made.c')\n"
    "base = ['base/buf.c', 'io/db.c', 'store/apps.c', 'api/reply.c', 'main.c']\n",
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

static const char session[] = "SET statement_timeout = 1";
""",
    "src/store/apps.c": """/* Apps in the ledger. */
#include "io/db.h"

static const char sql[] = "SELECT id FROM app";
""",
    "src/api/reply.c": """/* Answers. */
#include "io/db.h"

#include <h2o.h>
#include <json-c/json.h>

static const char method[] = "DELETE";
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
    """Lays GOOD out with `changes` (None removes a file) and returns the check's status and findings."""

    def run(changes):
        for name, text in {**GOOD, **changes}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text)
        (tmp_path / ".clang-format").write_text((TOP / ".clang-format").read_text())
        result = subprocess.run(
            [sys.executable, TOP / "tests" / "check_structure.py", "--root", tmp_path],
            capture_output=True, text=True, check=False,
        )
        lines = result.stdout.splitlines()
        assert lines and lines[-1].startswith("structure: "), result.stderr
        return result.returncode, lines[:-1], lines[-1]

    return run


def test_good_tree_passes(check):
    status, findings, summary = check({})
    assert (status, findings) == (0, [])
    assert summary.startswith("structure: 7 files, 2 functions, median ")


def added(name, text):
    return {name: GOOD[name] + text}


def included(name, line):
    head, rest = GOOD[name].split("\n", 1)
    return {name: f"{head}\n{line}\n{rest}"}


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
        included("src/io/db.c", "#include <h2o.h>"), "src/io/db.c:2: ", "only api/",
    ),
    "json-c elsewhere": (
        included("src/base/buf.c", "#include <json-c/json.h>"), "src/base/buf.c:2: ", "base/field*.c",
    ),
    "uv_poll outside io": (
        added("src/api/reply.c", "\nvoid reply_watch(void *p)\n{\n    uv_poll_stop(p);\n}\n"),
        "src/api/reply.c:11: ", "uses uv_poll_stop",
    ),
    "SQL in api": (
        added("src/api/reply.c", '\nstatic const char sql[] = "DELETE FROM app";\n'), "src/api/reply.c:9: ", "SQL text",
    ),
    "SQL in io": (
        added("src/io/db.c", '\nstatic const char sql[] = "WITH x AS (TABLE app)";\n'), "src/io/db.c:8: ", "SQL text",
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
    status, findings, _ = check(changes)
    assert status == 1
    hits = [line for line in findings if line.startswith(place) and what in line]
    assert hits, findings


@pytest.mark.parametrize(
    "name", "sprintf strcpy strcat strtok atoi gets alloca rand localtime signal".split()
)
def test_banned_function_is_found(check, name):
    call = f"\nvoid buf_banned(void)\n{{\n    {name}(0);\n}}\n"
    status, findings, _ = check(added("src/base/buf.c", call))
    assert status == 1
    assert findings == [f"src/base/buf.c:19: calls {name}(), which is banned"]


def test_longest_allowed_function_passes(check):
    status, findings, summary = check(added("src/base/buf.c", FITTING_FUNCTION))
    assert (status, findings) == (0, [])
    assert "and 80, 0 findings" in summary


def test_empty_tree_fails(tmp_path):
    result = subprocess.run(
        [sys.executable, TOP / "tests" / "check_structure.py", "--root", tmp_path],
        capture_output=True, text=True, check=False,
    )
    assert result.returncode == 1
    assert "structure: 0 files" in result.stdout
