#!/usr/bin/env python3
"""Writes what a page is made of as a C table (src/api/dashboard.h): embed.py OUT.c TABLE FILE...

The file index.html or TABLE.html (docs.html of docs_files) is the page itself, and has no name; without files the table is
empty. Each file is there as it is, and packed by gzip."""

import gzip
import hashlib
import os
import sys

PER_LINE = 20
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
TOP = """/* Made by src/page/embed.py. */
#include "dashboard.h"

"""


def array(name, data):
    lines = (
        "    " + "".join(f"{byte}," for byte in data[i : i + PER_LINE]) for i in range(0, len(data), PER_LINE)
    )
    return f"static const unsigned char {name}[] = {{\n" + "\n".join(lines) + "\n};\n\n"


def row(n, path, data, index):
    name, ending = os.path.basename(path), os.path.splitext(path)[1]
    tag = hashlib.sha256(data).hexdigest()[:16]
    shown = "" if name in ("index.html", index) else name
    return (
        f'    {{"{shown}", "{TYPES[ending]}", "\\"{tag}\\"", file_{n}, sizeof file_{n},\n'
        f'     "\\"{tag}-gzip\\"", packed_{n}, sizeof packed_{n}}},\n'
    )


def main(out, table, paths):
    files = [(path, open(path, "rb").read()) for path in paths]
    index = table.removesuffix("_files") + ".html"
    with open(out, "w", encoding="ascii") as f:
        f.write(TOP)
        for n, (_, data) in enumerate(files):
            f.write(array(f"file_{n}", data))
            f.write(array(f"packed_{n}", gzip.compress(data, mtime=0)))
        f.write(f"const struct dashboard_file {table}[] = {{\n")
        for n, (path, data) in enumerate(files):
            f.write(row(n, path, data, index))
        f.write("    {0},\n};\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
