#!/usr/bin/env python3
"""Writes the migrations, in order, as a C table: embed.py OUT.c FILE.sql..."""
import os
import re
import sys


def literal(text: str) -> str:
    lines = text.splitlines(keepends=True)
    escape = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return "\n".join('    "' + "".join(escape.get(c, c) for c in line) + '"' for line in lines)


def main() -> None:
    out, files = sys.argv[1], sorted(sys.argv[2:], key=os.path.basename)
    rows = []
    for number, path in enumerate(files, 1):
        name = os.path.basename(path)
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", name)
        if not match or int(match[1]) != number:
            sys.exit(f"{name}: migrations are numbered from 0001 without a gap")
        with open(path, encoding="utf-8") as f:
            rows.append(f'    {{{number}, "{match[2]}",\n{literal(f.read())}}},\n')
    with open(out, "w", encoding="utf-8") as f:
        f.write('#include "schema_internal.h"\n\nconst struct migration migrations[] = {\n')
        f.writelines(rows)
        f.write("};\nconst size_t migration_count = sizeof migrations / sizeof migrations[0];\n")


if __name__ == "__main__":
    main()
