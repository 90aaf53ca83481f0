#!/usr/bin/env python3
"""Writes the catalogues as C tables: embed.py OUT.c FILE.json..."""
import json
import os
import sys

MEMBERS = ("name", "description", "schema", "example")


def literal(text: str) -> str:
    escape = {"\\": "\\\\", '"': '\\"'}
    return '"' + "".join(escape.get(c, c) for c in text) + '"'


def row(entry: dict) -> str:
    if tuple(entry) != MEMBERS:
        sys.exit(f"{entry.get('name')}: an entry has {', '.join(MEMBERS)}, in this order")
    texts = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in entry.values()]
    return "    {" + ",\n     ".join(map(literal, texts)) + "},\n"


def main() -> None:
    out, files = sys.argv[1], sys.argv[2:]
    lists = []
    with open(out, "w", encoding="utf-8") as f:
        f.write('#include "core/catalogue.h"\n')
        for path in files:
            name = os.path.basename(path).removesuffix(".json")
            with open(path, encoding="utf-8") as text:
                entries = json.load(text)
            f.write(f"\nstatic const struct catalogue_type {name}[] = {{\n")
            f.writelines(map(row, entries))
            f.write("};\n")
            lists.append(f'    {{"{name}", {name}, {len(entries)}}},\n')
        f.write("\nconst struct catalogue catalogues[] = {\n")
        f.writelines(lists)
        f.write("    {0},\n};\n")


if __name__ == "__main__":
    main()
