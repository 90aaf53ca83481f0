#!/usr/bin/env python3
"""Writes what /dashboard is made of as a C table (src/api/dashboard.h): embed.py OUT.c FILE...

The file index.html is the page itself, and has no name; without files the table is empty."""

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


def array(n, data):
    lines = (
        "    " + "".join(f"{byte}," for byte in data[i : i + PER_LINE]) for i in range(0, len(data), PER_LINE)
    )
    return f"static const unsigned char file_{n}[] = {{\n" + "\n".join(lines) + "\n};\n\n"


def row(n, path, data):
    name, ending = os.path.basename(path), os.path.splitext(path)[1]
    tag = hashlib.sha256(data).hexdigest()[:16]
    shown = "" if name == "index.html" else name
    return f'    {{"{shown}", "{TYPES[ending]}", "\\"{tag}\\"", file_{n}, sizeof file_{n}}},\n'


def main(out, paths):
    files = [(path, open(path, "rb").read()) for path in paths]
    with open(out, "w", encoding="ascii") as f:
        f.write(TOP)
        for n, (_, data) in enumerate(files):
            f.write(array(n, data))
        f.write("const struct dashboard_file dashboard_files[] = {\n")
        for n, (path, data) in enumerate(files):
            f.write(row(n, path, data))
        f.write("    {0},\n};\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
