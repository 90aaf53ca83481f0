#!/usr/bin/env python3
"""Writes the queue's Lua as C: embed.py OUT.c common.lua SCRIPT.lua... Every script begins with the constants
that it shares with the C (queue_scripts.h) and with common.lua; comments stay behind, but for the one that says
what shape the answer has (redis_script.reply)."""
import re
import sys
from pathlib import Path


def literal(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    code = [line for line in lines if line and not line.startswith("--")]
    return "\n".join('    "' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"' for line in code)


def reply(path: Path) -> str:
    return re.search(r"^-- REPLY: ([is]+)$", path.read_text(encoding="utf-8"), re.M)[1]


def main() -> None:
    out, common, scripts = sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]]
    with open(out, "w", encoding="utf-8") as f:
        f.write(f'#include "queue_scripts.h"\n\n#define COMMON QUEUE_CONSTANTS \\\n')
        f.write(literal(common).replace("\n", " \\\n") + "\n")
        for script in scripts:
            f.write(f'\nconst struct redis_script queue_script_{script.stem} = {{"{script.stem}", COMMON\n')
            f.write(literal(script) + f', "{reply(script)}"' + "};\n")
        f.write("\nconst struct redis_script *const queue_scripts[] = {")
        f.write("".join(f"&queue_script_{script.stem}, " for script in scripts) + "NULL};\n")


if __name__ == "__main__":
    main()
