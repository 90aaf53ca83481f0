#!/usr/bin/env python3
"""Runs a libFuzzer target over its corpus, and then for some seconds over what it makes of that:
run.py TARGET CORPUS [SECONDS]. What it finds new stays in a folder that goes with it, unless SECONDS are given: then
new inputs are added to the corpus. A finding is printed as base64."""

import os
import subprocess
import sys
import tempfile

SECONDS = "3"


def main() -> None:
    target, corpus, *seconds = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="posthorn-fuzz-") as new:
        command = [
            os.path.abspath(target),
            f"-max_total_time={(seconds or [SECONDS])[0]}",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=65536",
            "-len_control=10",
            f"-artifact_prefix={new}/",
            "-print_final_stats=1",
            *([] if seconds else [new]),
            os.path.abspath(corpus),
        ]
        sys.exit(subprocess.run(command, cwd=new, check=False).returncode)


if __name__ == "__main__":
    main()
