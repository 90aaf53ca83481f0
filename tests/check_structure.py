#!/usr/bin/env python3
"""Holds the tree to the rules of src/README.md: who may include whom, where SQL and each library may
stand, sizes, banned functions, headers, formatting. Prints one line per finding and a summary; exit
status 1 if there is a finding. `--root DIR` checks another tree (tests/unit/test_check_structure.py)."""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
CLANG_FORMAT = "clang-format-14"

# A layer and those that it may include besides itself. src/main*.c may include every one.
LAYERS = {
    "base": set(),
    "core": {"base"},
    "io": {"base"},
    "store": {"base", "core", "io"},
    "api": {"base", "core", "io", "store"},
    "worker": {"base", "core", "io", "store"},
}

# A library's headers and the only files that may include them.
LIBRARIES = [
    (r"libpq|postgres_ext\.h|hiredis/|curl/|ares", r"(src|include)/io/", "only io/ may include it"),
    (r"h2o\.h|h2o/", r"(src|include)/api/", "only api/ may include it"),
    (
        r"json-c/|json\.h|json_object\.h|json_tokener\.h",
        r"src/base/field(_\w+)?\.c|(src|include)/core/|src/api/reply\.c",
        "only base/field*.c, core/ and api/reply.c may include it",
    ),
]

BANNED = "sprintf vsprintf strcpy strcat strtok atoi gets alloca rand localtime signal".split()
SQL = re.compile(
    r"\s*(SELECT\s(?!%)|INSERT\s+INTO\s|UPDATE\s+\w|DELETE\s+FROM\s|WITH\s+(RECURSIVE\s+)?\w+\s*(AS\b|\())"
    r"|\s*(CREATE|ALTER|DROP)\s+TABLE\s"
)
# Split, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
TEXT_FOLDERS = ("src", "include", "tests", "deploy", "migrations", "openapi")
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".sql", ".lua", ".yaml", ".md", ".build", ".conf", ".env"}

TOKEN = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>'(?:\\.|[^'\\\n])*')
      | (?P<directive>^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<punct>->|[^\s\w])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
NOT_FUNCTION_NAMES = {"__attribute__", "_Alignas", "__typeof__", "typeof", "_Static_assert"}


class Source:
    """One C file: its text and its tokens as (kind, text, line)."""

    def __init__(self, root, path):
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.lines = len(self.text.splitlines())
        self.tokens = []
        line, at = 1, 0
        for match in TOKEN.finditer(self.text):
            line += self.text.count("\n", at, match.start())
            at = match.start()
            self.tokens.append((match.lastgroup, match.group(), line))
        self.code = [t for t in self.tokens if t[0] not in ("comment", "directive")]

    def directives(self):
        return [(text, line) for kind, text, line in self.tokens if kind == "directive"]

    def includes(self):
        for text, line in self.directives():
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', text)
            if match:
                yield match[1], match[2], line


def functions(source):
    """Yields (name, first line, lines) of every function definition, and (None, line, 0) if the braces
    do not balance."""
    depth, head, opened = 0, [], None
    for kind, text, line in source.code:
        if depth == 0 and kind == "punct" and text == ";":
            head = []
        elif text == "{" and kind == "punct":
            if depth == 0:
                opened = function_name(head)
                opened = opened and (opened, head[0][2])
            depth += 1
        elif text == "}" and kind == "punct":
            depth -= 1
            if depth < 0:
                yield None, line, 0
                return
            if depth == 0 and opened:
                yield opened[0], opened[1], line - opened[1] + 1
            if depth == 0:
                # A struct or an initialiser goes on until its semicolon; a function ends here.
                head = [] if opened else [("punct", "=", line)]
        elif depth == 0:
            head.append((kind, text, line))
    if depth != 0:
        yield None, source.lines, 0


def function_name(head):
    """The name that a `{` after these tokens defines as a function, or None."""
    depth, name, previous = 0, None, None
    for kind, text, _ in head:
        if text == "=" and depth == 0:
            return None
        if text == "(":
            if depth == 0 and name is None and previous and previous[0] == "word":
                name = previous[1] if previous[1] not in NOT_FUNCTION_NAMES else None
            depth += 1
        elif text == ")":
            depth -= 1
        previous = (kind, text)
    return name


def layer_of(name):
    """base … worker, "main" for src/main*.c, None for what is in no layer."""
    parts = name.split("/")
    if parts[0] in ("src", "include") and len(parts) > 2 and parts[1] in LAYERS:
        return parts[1]
    return "main" if re.fullmatch(r"src/main\w*\.[ch]", name) else None


def check_includes(root, source):
    layer = layer_of(source.name)
    for mark, target, line in source.includes():
        for pattern, allowed, why in LIBRARIES:
            if mark == "<" and re.match(pattern, target) and not re.match(allowed, source.name):
                if not source.name.startswith("tests/"):
                    yield source.name, line, f"includes <{target}>: {why}"
        other = target.split("/")[0]
        if mark != '"' or layer in (None, "main"):
            continue
        if "../" in target:
            yield source.name, line, f'includes "{target}": name it from the root of its folder'
        elif "/" in target and other in LAYERS and other != layer:
            if other not in LAYERS[layer]:
                yield source.name, line, f'includes "{target}": {layer} must not use {other}'
            elif not (root / "include" / target).exists():
                yield source.name, line, f'includes "{target}": not a public header of {other}'


def check_tokens(source):
    in_tests = source.name.startswith("tests/")
    code = source.code
    for i, (kind, text, line) in enumerate(code):
        before = code[i - 1][1] if i else ""
        called = i + 1 < len(code) and code[i + 1][1] == "("
        if kind == "word" and text in BANNED and called and before not in (".", "->"):
            yield source.name, line, f"calls {text}(), which is banned"
        if kind == "word" and text.startswith("uv_poll") and not in_tests:
            if not re.match(r"(src|include)/io/", source.name):
                yield source.name, line, f"uses {text}: only io/ may"
        if kind == "string" and SQL.match(text[1:-1].replace("\\n", " ")):
            if not in_tests and not source.name.startswith("src/store/"):
                yield source.name, line, "SQL text: only src/store/ may hold it"


def check_shape(source, lengths):
    if source.lines > FILE_LINES_MAX:
        yield source.name, FILE_LINES_MAX + 1, f"{source.lines} lines; at most {FILE_LINES_MAX}"
    if not source.tokens or source.tokens[0][0] != "comment":
        yield source.name, 1, "does not open with a comment that says what it is responsible for"
    for name, line, length in functions(source):
        if name is None:
            yield source.name, line, "braces do not balance (one side of an #if?)"
        else:
            lengths.append(length)
            if length > FUNCTION_LINES_MAX:
                yield source.name, line, f"{name}() has {length} lines; at most {FUNCTION_LINES_MAX}"


def check_guard(source):
    if not source.name.startswith("include/") or not source.name.endswith(".h"):
        return
    guard = re.sub(r"\W", "_", source.name.removeprefix("include/")).upper()
    texts = [re.sub(r"\s+", " ", text).strip() for text, _ in source.directives()]
    if texts[:2] != [f"#ifndef {guard}", f"#define {guard}"] or texts[-1:] != ["#endif"]:
        yield source.name, 1, f"needs the include guard {guard}"


def check_build_list(root):
    listed = root / "src" / "meson.build"
    text = listed.read_text() if listed.exists() else ""
    text = re.sub(r"output:\s*(\[[^]]*\]|'[^']*')", "", text)  # generated ones stand in the build folder
    names = set(re.findall(r"'([^']+\.c)'", text))
    found = {p.relative_to(root / "src").as_posix() for p in (root / "src").rglob("*.c")}
    for name in sorted(found - names):
        yield f"src/{name}", 1, "not listed in src/meson.build"
    for name in sorted(names - found):
        yield "src/meson.build", 1, f"lists {name}, which does not exist"


def is_ours(root, path):
    """Neither hidden nor what a package manager put there."""
    parts = path.relative_to(root).parts
    return not any(p.startswith(".") or p == "node_modules" for p in parts)


def check_unfinished(root):
    for folder in TEXT_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if not is_ours(root, path) or not path.is_file() or path.suffix not in TEXT_SUFFIXES:
                continue
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if UNFINISHED.search(line):
                    yield path.relative_to(root).as_posix(), number, "unfinished work is an issue, not a mark"


def check_format(root, names):
    if not names:
        return
    try:
        run = subprocess.run(
            [CLANG_FORMAT, "--dry-run", "-Werror", "--style=file", *names],
            cwd=root, capture_output=True, text=True, check=False,
        )
    except FileNotFoundError:
        yield ".clang-format", 1, f"{CLANG_FORMAT} is not installed"
        return
    seen = set()
    for match in re.finditer(r"^(.+?):(\d+):\d+: error:", run.stderr, re.MULTILINE):
        if match[1] not in seen:
            seen.add(match[1])
            yield match[1], int(match[2]), f"not formatted: {CLANG_FORMAT} -i {match[1]}"
    if run.returncode != 0 and not seen:
        yield ".clang-format", 1, f"{CLANG_FORMAT} failed: {run.stderr.strip()[:200]}"


def sources_of(root):
    paths = [p for folder in ("include", "src", "tests") for p in (root / folder).rglob("*.[ch]")]
    return [Source(root, path) for path in sorted(paths) if is_ours(root, path)]


def main():
    parser = argparse.ArgumentParser(description="Check the structure of the source tree.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root.resolve()

    sources = sources_of(root)
    lengths, findings = [], []
    for source in sources:
        findings += check_includes(root, source)
        findings += check_tokens(source)
        findings += check_shape(source, lengths)
        findings += check_guard(source)
    findings += check_build_list(root)
    findings += check_unfinished(root)
    findings += check_format(root, [s.name for s in sources])

    for name, line, what in sorted(findings):
        print(f"{name}:{line}: {what}")
    files = [s.lines for s in sources]
    print(
        f"structure: {len(files)} files, {len(lengths)} functions, "
        f"median {statistics.median(files or [0]):g} lines a file and "
        f"{statistics.median(lengths or [0]):g} a function, "
        f"longest {max(files, default=0)} and {max(lengths, default=0)}, {len(findings)} findings"
    )
    return 1 if findings or not files else 0


if __name__ == "__main__":
    sys.exit(main())
