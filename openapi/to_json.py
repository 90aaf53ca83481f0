#!/usr/bin/env python3
"""Turns the contract into JSON inside a C file, for the build: to_json.py posthorn.yaml out.c

Needs PyYAML (Debian: python3-yaml). The JSON is ASCII, compact, in the order of the file."""

import json
import sys

import yaml

PER_LINE = 20
TOP = """/* Made by openapi/to_json.py from openapi/posthorn.yaml. */
#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_size;

const char openapi_json[] = {
"""
BOTTOM = """    0,
};
const size_t openapi_json_size = sizeof openapi_json - 1;
"""


def main(source, target):
    with open(source, encoding="utf-8") as f:
        data = json.dumps(yaml.safe_load(f), separators=(",", ":")).encode("ascii")
    with open(target, "w", encoding="ascii") as f:
        f.write(TOP)
        for i in range(0, len(data), PER_LINE):
            f.write("    " + "".join(f"{byte}," for byte in data[i : i + PER_LINE]) + "\n")
        f.write(BOTTOM)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
