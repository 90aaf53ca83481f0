"""The programs that a benchmark needs, built by what `meson setup` made."""

import fcntl
import subprocess
import sys


def build_tools(folder):
    """What is missing; one at a time, since ninja itself does not mind who else builds there."""
    with open(folder / "load.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["ninja", "-C", folder, "--quiet", "posthorn", "load"], check=True, stdout=sys.stderr)
