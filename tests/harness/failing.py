"""Calls that fail, for programs that are started with its `env` (failing.c)."""

import re
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("failing.c")
NAMES = re.search(r"enum which \{(.*?)\}", SOURCE.read_text(encoding="utf-8"), re.S)[1].replace(",", " ").split()[:-1]


class Failing:
    def __init__(self, directory):
        library = f"{directory}/failing.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        self.path = f"{directory}/failing"
        self.stop()
        self.env = {"LD_PRELOAD": library, "FAILING": self.path}

    def write(self, which, left):
        with open(self.path, "r+b" if Path(self.path).exists() else "wb", buffering=0) as f:
            f.write(struct.pack("=qqq", which, left, 0))

    def next(self, call, passing):
        """From now on so many calls of this pass, and the one after them fails."""
        self.stop()
        self.write(NAMES.index(call), passing)

    def stop(self):
        self.write(-1, -1)

    def failed(self):
        with open(self.path, "rb") as f:
            return struct.unpack("=qqq", f.read())[2] > 0
