"""A storm over the whole service (drive.py), two minutes of it or POSTHORN_STORM seconds: faults of every kind, nothing lost,
stuck or early, and nothing twice without a reason. The seed is told with what went wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = float(os.environ.get("POSTHORN_STORM", 120))
SEED = int(os.environ.get("POSTHORN_STORM_SEED", int.from_bytes(os.urandom(4), "big")))


@pytest.mark.timeout(SECONDS + 400)
def test_a_storm():
    """It is a process of its own, since it mounts disks that nobody else sees."""
    drive = [sys.executable, Path(__file__).with_name("drive.py"), "--seconds", str(SECONDS), "--round", str(SECONDS)]
    done = subprocess.run([*drive, "--seed", str(SEED), "--rate", "150"], capture_output=True, text=True)
    print(f"seed {SEED}:\n{done.stdout[-20000:]}")
    assert done.returncode == 0, f"seed {SEED}:\n{done.stdout[-20000:]}\n{done.stderr[-5000:]}"
