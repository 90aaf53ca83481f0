"""The contract against the service, by Schemathesis, which makes requests of the schemas: such as the contract allows, such as it
does not, and chains of them. Whatever comes back has to be what the contract says."""

import os
import subprocess
from pathlib import Path

import pytest
from harness.egress import EgressProxy
from harness.server import ADMIN_KEY

HERE = Path(__file__).parent
CONTRACT = HERE.parents[1] / "openapi/posthorn.yaml"
SECONDS = int(os.environ.get("POSTHORN_FUZZED", 120))
PHASES = os.environ.get("POSTHORN_FUZZED_PHASES", "examples,coverage,fuzzing")  # chains of requests differ from run to run
SEED = int(os.environ.get("POSTHORN_FUZZED_SEED", 1))

# So that nothing is told to come later, which the contract has for every operation.
ROOM = {
    "POSTHORN_TESTS_PER_APP": 1000,
    "POSTHORN_LISTS_PER_APP": 1000,
    "POSTHORN_WEBHOOKS_PER_APP": 100000,
    "POSTHORN_SOURCES_PER_APP": 100000,
    "POSTHORN_EVENT_TYPES_PER_APP": 100000,
    "POSTHORN_KEY_LOOKUPS": 10000,
    "POSTHORN_BODIES_MIB": 1024,
    "POSTHORN_ANSWERS_MIB": 1024,
}


@pytest.fixture
def nowhere():
    """Nothing of what webhooks are made to leads out of the machine."""
    proxy = EgressProxy().start()
    proxy.says[None] = 403
    yield proxy
    proxy.stop()


@pytest.mark.timeout(SECONDS + 140)
def test_the_service_keeps_the_contract(start, nowhere, tmp_path):
    server = start(POSTHORN_EGRESS_PROXY=nowhere.url(), **ROOM)
    print(f"POSTHORN_FUZZED_SEED={SEED}")
    done = subprocess.run(
        [
            HERE / ".venv/bin/schemathesis",
            f"--config-file={HERE}/schemathesis.toml",
            "run",
            CONTRACT,
            f"--url=http://127.0.0.1:{server.port}/v1",
            f"--header=Authorization: Bearer {ADMIN_KEY}",
            f"--seed={SEED}",
            f"--max-time={SECONDS}",
            f"--phases={PHASES}",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=tmp_path,
        env={**os.environ, "HERE": str(HERE)},
        capture_output=True,
        text=True,
        timeout=SECONDS + 60,
    )
    print(done.stdout[-200000:])
    assert done.returncode == 0, done.stderr[-3000:]
