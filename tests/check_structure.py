#!/usr/bin/env python3
"""Holds the tree to the rules of src/README.md, which says what they are and what is not checked. Prints
one line per finding and a summary; exit status 1 if there is a finding. `--root DIR` checks another tree
(tests/unit/test_check_structure.py). The rules: structure/rules.py for one file, structure/tree.py for all."""

import argparse
import statistics
import sys
from pathlib import Path

from structure import rules, sql, tree
from structure.source import Source


def sources_of(root):
    paths = [p for folder in ("include", "src", "tests") for p in (root / folder).rglob("*.[ch]")]
    return [Source(root, path) for path in sorted(paths) if tree.is_ours(root, path)]


def findings_of(root, sources, lengths):
    formatting = tree.Format(root, [s.name for s in sources])
    macros, vocabulary = tree.header_macros(sources), sql.vocabulary(root)
    for source in sources:
        yield from rules.check_includes(root, source)
        yield from rules.check_words(source)
        yield from rules.check_strings(source, macros, vocabulary)
        yield from rules.check_numbers(source)
        yield from rules.check_statuses(source)
        yield from rules.check_shape(source, lengths)
        yield from rules.check_guard(source)
    names = tree.Names(sources, tree.generators_of(root))
    yield from tree.check_exports(names, sources)
    yield from tree.check_circles(names)
    yield from tree.check_public_headers(names)
    yield from tree.check_build_list(root)
    yield from tree.check_unfinished(root)
    yield from formatting.findings()


def main():
    parser = argparse.ArgumentParser(description="Check the structure of the source tree.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root.resolve()

    sources = sources_of(root)
    lengths = []
    findings = list(findings_of(root, sources, lengths))

    for name, line, what in sorted(set(findings)):
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
