"""What deploy/ is packaged as: one version everywhere, and nothing is named that there is not. tests/packaging/run.sh builds
it."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy/container"


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def one(pattern, path):
    return re.search(pattern, text(path), re.M)[1]


def test_the_version_is_the_same_everywhere():
    version = one(r"^  version: '(\d+\.\d+\.\d+)',$", "meson.build")
    chart = yaml.safe_load(text("deploy/helm/posthorn/Chart.yaml"))
    assert {
        "CHANGELOG.md": one(r"^## (\S+)$", "CHANGELOG.md"),
        "openapi": yaml.safe_load(text("openapi/posthorn.yaml"))["info"]["version"],
        "chart": chart["version"],
        "app": chart["appVersion"],
        "deb": one(r"^posthorn \((\S+)\)", "deploy/debian/changelog"),
        "image": one(r"^  image: posthorn:(\S+)$", "deploy/container/compose.yaml"),
    } == dict.fromkeys(("CHANGELOG.md", "openapi", "chart", "app", "deb", "image"), version)


def options():
    return set(re.findall(r'^    \{"(\w+)", OPTION_', text("src/base/config.c"), re.M))


def test_options_are_the_programs():
    found = set()
    for path in (*CONTAINER.iterdir(), *(ROOT / "deploy/helm").rglob("*.*")):
        found |= set(re.findall(r"\bPOSTHORN_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    assert len(found) >= 8 and found <= options()


def test_the_image_is_small_in_what_it_may():
    containerfile = text("deploy/container/Containerfile")
    stages = re.split(r"^FROM ", containerfile, flags=re.M)[1:]
    assert len(stages) == 2 and " AS build" in stages[0]
    assert re.search(r"^USER 65532:65532$", stages[1], re.M) and "HEALTHCHECK" in stages[1]
    for path in re.findall(r"^COPY (?:--chmod=\d+ )?((?!--from)[\w./ -]+)$", containerfile, re.M):
        assert all((ROOT / source).exists() for source in path.split()[:-1]), path


def test_compose():
    compose = yaml.safe_load(text("deploy/container/compose.yaml"))
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "migrate", "api", "worker", "prometheus", "grafana"}
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (CONTAINER / source).is_file(), volume
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), port
    for name in ("migrate", "api", "worker"):
        service = services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["environment"].keys() <= options()
    jobs = yaml.safe_load(text("deploy/container/prometheus.yml"))["scrape_configs"]
    targets = [target for job in jobs for config in job["static_configs"] for target in config["targets"]]
    assert sorted(targets) == ["api:9464", "worker:9464"]
