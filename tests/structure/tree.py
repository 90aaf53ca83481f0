"""The rules that only the whole tree can break: names without a caller, circles, what is built,
marks of unfinished work, formatting."""

import re
import subprocess
from collections import defaultdict

from structure.rules import in_program, layer_of
from structure.source import expanded, generated

CLANG_FORMAT = "clang-format-14"

# Circles that stay: the files, sorted, and why. There is none.
CIRCLES = {}

# What is declared for tests alone, and why.
SEAMS = {}

# Split, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
TEXT_FOLDERS = ("src", "include", "tests", "deploy", "migrations", "openapi")
TEXT_SUFFIXES = {".c", ".h", ".py", ".sh", ".sql", ".lua", ".yaml", ".md", ".build", ".conf", ".env"}


def header_macros(sources):
    """What any file of the program may have been given by an #include."""
    return {
        name: macro for source in sources if in_program(source) and source.name.endswith(".h")
        for name, macro in source.macros.items()
    }


def generators_of(root):
    """The words of the programs that write sources."""
    scripts = [p for folder in ("src", "migrations", "openapi") for p in (root / folder).rglob("*.py")]
    return {word for path in scripts for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}


class Names:
    """Every name that the program defines outside functions, and the words that each definition uses."""

    def __init__(self, sources, generators=frozenset()):
        """`generators`: the words of the programs that write sources at build time, which use what they name."""
        self.sources = [s for s in sources if in_program(s)]
        self.macros = header_macros(sources)
        self.uses = defaultdict(set)  # (file or "", name) -> words; "" for what other files see
        self.home = {}  # global name -> the .c file that defines it
        self.exported = {}  # name -> (header, line, what it is)
        self.roots = defaultdict(set)  # file -> words used outside any definition
        self.roots[""] |= generators
        for source in self.sources:
            self._read(source)

    def _read(self, source):
        header = source.name.endswith(".h")
        macros = {**self.macros, **source.macros}
        for macro in source.macros.values():
            self.uses["" if header else source.name, macro.name] |= expanded(macro.body, macros)
            if header and macro.body:
                self.exported[macro.name] = source.name, macro.line, "macro"
        for item in source.items():
            if item.kind == "prototype" and item.names[0] in macros:
                self.roots[source.name].add(item.names[0])
                item = generated(item, macros[item.names[0]])
            words = expanded(item.tokens, macros)
            if item.kind == "function" or (item.kind == "variable" and not self._declares(item, header)):
                where = source.name if item.static and not header else ""
                for name in item.names:
                    self.uses[where, name] |= words - {name}
                    if not where and not header:
                        self.home[name] = source.name
                if header:
                    self._export(source, item)
            elif item.kind in ("prototype", "variable"):
                if header:
                    self._export(source, item)
            elif item.kind == "type":
                self.roots[source.name] |= {w for w in words if w.isupper()}
            else:
                self.roots[source.name] |= words

    @staticmethod
    def _declares(item, header):
        """Whether a variable's item only says that it exists: extern, or a function by its type."""
        return any(t.text == "extern" for t in item.tokens[:3]) or (
            header and not any(t.text in ("=", "static") for t in item.tokens)
        )

    def _export(self, source, item):
        for name in item.names:
            # What only the build's own sources define, and what a prototype needs, counts as the name's.
            self.uses["", name] |= {t.text for t in item.tokens if t.kind == "word" and t.text.isupper()}
            what = "function" if item.kind in ("function", "prototype") else "name"
            self.exported.setdefault(name, (source.name, item.line, what))

    def node(self, file, word):
        if (file, word) in self.uses:
            return file, word
        return ("", word) if ("", word) in self.uses else None

    def reached(self):
        """The names that the program can come to from main()."""
        found, todo = set(), []

        def visit(file, words):
            for word in words:
                node = self.node(file, word)
                if node and node not in found:
                    found.add(node)
                    todo.append((node, file))

        for file, words in self.roots.items():
            visit(file, words)
        for source in self.sources:
            if layer_of(source.name) == "main":
                visit(source.name, {"main"})
        while todo:
            node, file = todo.pop()
            # What a file defines for all is read with that file's own names.
            visit(node[0] or self.home.get(node[1], file), self.uses[node])
        return {name for where, name in found if not where}

    def users(self):
        """For each name: the files whose definitions use it."""
        found = defaultdict(set)
        for (file, name), words in self.uses.items():
            origin = file or self.home.get(name, "a header")
            for word in words:
                if (origin, word) not in self.uses:
                    found[word].add(origin)
        return found

    def calls(self):
        """For each .c file: {other .c file of its layer: a name of it that is used}."""
        edges = {s.name: {} for s in self.sources if s.name.endswith(".c")}
        for (file, name), words in self.uses.items():
            origin = file or self.home.get(name)
            if origin not in edges:
                continue
            for word in words:
                if (origin, word) in self.uses:
                    continue
                target = self.home.get(word)
                if target and target != origin and layer_of(target) == layer_of(origin):
                    edges[origin].setdefault(target, word)
        return edges


def check_exports(names, sources):
    in_tests = set()
    for source in sources:
        if not in_program(source):
            in_tests |= {word for word, _, _, _ in source.words()}
    reached, users = names.reached(), names.users()
    for name, (file, line, what) in sorted(names.exported.items()):
        called = f"{name}()" if what == "function" else name
        if name in SEAMS and name in in_tests:
            if name in reached:
                yield file, line, f"{called} is not for tests alone any more: take it off SEAMS"
        elif name not in reached:
            who = "only tests use it" if name in in_tests else "nothing uses it"
            yield file, line, f"{called} is declared for others, but {who}"
        elif what != "macro" and users[name] == {names.home.get(name)} and name not in in_tests:
            yield file, line, f"{called} is declared for others, but only its own file uses it: make it static"


def circles(edges):
    """The strongly connected components of more than one node (Tarjan), each sorted."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on.add(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in on:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
                on.discard(part[-1])
            if len(part) > 1:
                found.append(tuple(sorted(part)))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return sorted(found)


def check_circles(names):
    calls = names.calls()
    found = circles(calls)
    for part in found:
        if part in CIRCLES:
            continue
        steps = [
            f"{file} -> {other} ({calls[file][other]})"
            for file in part for other in sorted(calls[file]) if other in part
        ]
        yield part[0], 1, f"a circle of {len(part)} files: " + ", ".join(steps)
    for part in CIRCLES:
        if part not in found:
            yield part[0], 1, f"{', '.join(part)} are no circle any more: take it off CIRCLES"
    headers = {
        s.name: {
            t: "" for mark, target, _ in s.includes() if mark == '"'
            for t in ("include/" + target, "src/" + target)
        }
        for s in names.sources if s.name.endswith(".h")
    }
    for part in circles({h: {t: "" for t in ts if t in headers} for h, ts in headers.items()}):
        yield part[0], 1, "headers include each other: " + ", ".join(part)


def check_public_headers(names):
    """A header in include/ is for other folders, or for such a header; any other belongs beside its source."""
    users = defaultdict(set)
    for source in names.sources:
        for mark, target, _ in source.includes():
            if mark == '"':
                public = source.name.startswith("include/")
                users["include/" + target].add("a public header" if public else layer_of(source.name))
    for source in names.sources:
        if source.name.startswith("include/") and not users[source.name] - {layer_of(source.name)}:
            yield source.name, 1, "no other folder gets to it: it belongs beside its source"


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


class Format:
    """clang-format, running while the other rules are."""

    def __init__(self, root, names):
        self.run = None
        if not names:
            return
        try:
            self.run = subprocess.Popen(
                [CLANG_FORMAT, "--dry-run", "-Werror", "--style=file", *names],
                cwd=root, stderr=subprocess.PIPE, text=True,
            )
        except FileNotFoundError:
            self.run = FileNotFoundError

    def findings(self):
        if self.run is None:
            return
        if self.run is FileNotFoundError:
            yield ".clang-format", 1, f"{CLANG_FORMAT} is not installed"
            return
        _, said = self.run.communicate()
        seen = set()
        for match in re.finditer(r"^(.+?):(\d+):\d+: error:", said, re.MULTILINE):
            if match[1] not in seen:
                seen.add(match[1])
                yield match[1], int(match[2]), f"not formatted: {CLANG_FORMAT} -i {match[1]}"
        if self.run.returncode != 0 and not seen:
            yield ".clang-format", 1, f"{CLANG_FORMAT} failed: {said.strip()[:200]}"
