#!/usr/bin/env python3
"""Writes the queue's Lua as C: embed.py OUT.c common.lua SCRIPT.lua... Every script begins with the constants
that it shares with the C (queue_scripts.h) and with what it needs of common.lua, since whatever stands there is made
anew in each call; comments stay behind, but for the one that says what shape the answer has (redis_script.reply)."""
import re
import sys
from pathlib import Path

DEFINES = re.compile(r"local (?:function )?(\w+(?:, \w+)*)")
WORDS = re.compile(r"\w+")


def code(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.strip().startswith("--")]


def pieces(lines: list[str]) -> list[list[str]]:
    """Definitions and statements, each with its lines: what goes on is indented, or ends a block."""
    found: list[list[str]] = []
    for line in lines:
        if line[0] in " })" or line == "end":
            found[-1].append(line)
        else:
            found.append([line])
    return found


def needed(common: list[str], script: list[str]) -> list[str]:
    """The lines of `common` that define what the script uses, or what that uses."""
    words = set(WORDS.findall("\n".join(script)))
    kept: list[str] = []
    for piece in reversed(pieces(common)):
        defined = DEFINES.match(piece[0])
        if not defined or words & set(defined[1].split(", ")):
            words |= set(WORDS.findall("\n".join(piece)))
            kept = piece + kept
    return kept


def literal(lines: list[str]) -> str:
    escaped = (line.strip().replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return "\n".join(f'    "{line}\\n"' for line in escaped)


def reply(path: Path) -> str:
    return re.search(r"^-- REPLY: ([is]+)$", path.read_text(encoding="utf-8"), re.M)[1]


def main() -> None:
    out, common, scripts = sys.argv[1], code(Path(sys.argv[2])), [Path(name) for name in sys.argv[3:]]
    with open(out, "w", encoding="utf-8") as f:
        f.write('#include "queue_scripts.h"\n')
        for script in scripts:
            lines = code(script)
            f.write(f'\nconst struct redis_script queue_script_{script.stem} = {{"{script.stem}", QUEUE_CONSTANTS\n')
            f.write(literal(needed(common, lines) + lines) + f', "{reply(script)}"' + "};\n")
        f.write("\nconst struct redis_script *const queue_scripts[] = {")
        f.write("".join(f"&queue_script_{script.stem}, " for script in scripts) + "NULL};\n")


if __name__ == "__main__":
    main()
