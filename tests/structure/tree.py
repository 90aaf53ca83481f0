"""The rules that only the whole tree can break: what is built, marks of unfinished work, formatting."""

import re
import subprocess

from structure.rules import in_program

CLANG_FORMAT = "clang-format-14"
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
