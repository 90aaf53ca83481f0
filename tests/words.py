#!/usr/bin/env python3
"""Every text of the program that somebody may read, in one table for reading: tests/words.txt, which
tests/unit/test_words.py holds equal to the sources. `tests/words.py --write` brings it up to date.

Taken are all string literals under src/ and include/ in which a word follows a word, joined as the compiler joins
them, and what an outlet (OUTLETS) gets, be it one word. Left out are what is logged or asserted, SQL
and scripts, lists of headers, and sources that the build generates."""

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

from structure import sql, tree
from structure.rules import in_program
from structure.source import Source, arguments, joined_strings, skip_brackets

TABLE = Path(__file__).with_name("words.txt")

# Functions that tell somebody something, and which of their arguments it is.
OUTLETS = {"problem": 1, "checked": 1, "fields_problem": 2, "reply_error": 2, "reply_errorf": 2, "reply_invalid": 2, "faults_add": 2}

UNREAD = re.compile(r"log_\w+|assert|_Static_assert")
CONVERSION = re.compile(r"%[-+ #0]*(\d+|\*)?(\.(\d+|\*))?(hh|h|ll|l|j|z|t)?[a-zA-Z]")
WORDS = re.compile(r"[A-Za-z>'}][\w'>}.%-]*[,:;]? [(<{'\"`\[]?[A-Za-z%\d]")
HEADERS = re.compile(r"((\w+-[\w-]+|Accept): ?[^\n]*\n?)+|[A-Z][\w-]*(, [A-Z][\w-]*)+")


def is_read(text, vocabulary):
    """Whether people read it: words, rather than a format, code or names of headers."""
    plain = CONVERSION.sub("", text)
    return (
        re.search(r"[A-Za-z]{2}", plain) is not None
        and not HEADERS.fullmatch(text)
        and not sql.is_sql(text, vocabulary)
        and not sql.is_lua(text)
    )


def spoken(tokens):
    """`tokens` without the calls that nobody reads."""
    left, i = [], 0
    while i < len(tokens):
        call = tokens[i].kind == "word" and UNREAD.fullmatch(tokens[i].text)
        if call and i + 1 < len(tokens) and tokens[i + 1].text == "(":
            i = skip_brackets(tokens, i + 1)
        else:
            left.append(tokens[i])
            i += 1
    return left


def told(tokens, macros):
    """The literals that outlets get."""
    for i, token in enumerate(tokens):
        if token.text in OUTLETS and i + 1 < len(tokens) and tokens[i + 1].text == "(":
            given = arguments(tokens[i + 2 : skip_brackets(tokens, i + 1) - 1])
            if len(given) > OUTLETS[token.text]:
                yield from (text for text, _ in joined_strings(given[OUTLETS[token.text]], macros))


def words_of(source, macros, vocabulary):
    """The texts of one file."""
    known = {**macros, **source.macros}
    for stream in source.streams():
        tokens = spoken(stream)
        texts = [text for text, _ in joined_strings(tokens, known)]
        for text in [t for t in texts if WORDS.search(CONVERSION.sub("%", t))] + list(told(tokens, known)):
            if is_read(text, vocabulary):
                yield text.strip()


def folder_of(name):
    """src/base and include/base are one; the files of src/ itself are the commands."""
    parts = name.split("/")
    return parts[1] if len(parts) > 2 else "commands"


def table(root):
    """The table: by folder, so that a text may move within one; a line that goes on is set in further."""
    paths = [p for folder in ("include", "src") for p in sorted((root / folder).rglob("*.[ch]"))]
    sources = [Source(root, p) for p in paths]
    macros, vocabulary = tree.header_macros(sources), sql.vocabulary(root)
    folders = defaultdict(set)
    for source in filter(in_program, sources):
        folders[folder_of(source.name)] |= set(words_of(source, macros, vocabulary))
    lines = []
    for folder in sorted(f for f in folders if folders[f]):
        lines += ["", f"{folder}:"]
        lines += ["    " + t.replace("\n", "\n        ") for t in sorted(folders[folder], key=lambda t: (t.lower(), t))]
    return re.sub(r"[ \t]+$", "", "\n".join(lines[1:]), flags=re.MULTILINE) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Collect the texts that people read.")
    parser.add_argument("--write", action="store_true", help=f"into {TABLE.name}, rather than show them")
    text = table(TABLE.parent.parent)
    if parser.parse_args().write:
        TABLE.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
