from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from . import compose_rules
from .files import COMPOSE, DEPLOY, ROOT, collector, compose, load_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = shutil.which("docker") is not None and (
    subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
)


def found_in(file: Any) -> list[str]:
    """What is wrong with a Compose file that stands where ours does."""
    return list(compose_rules.complaints(file, ROOT, probed=str(file["services"]["health"]["command"])))


def test_nothing_is_wrong_with_it() -> None:
    """Images are pinned, ports are on loopback, memory is limited, health is checked, and what is mounted exists."""
    assert found_in(compose()) == []


FAULTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "latest": (lambda s: s["grafana"].update(image="grafana/grafana:latest"), "not pinned"),
    "no tag": (lambda s: s["loki"].update(image="grafana/loki"), "not pinned"),
    "half a version": (lambda s: s["loki"].update(image="grafana/loki:3.7"), "not pinned"),
    "all interfaces": (lambda s: s["grafana"].update(ports=["3000:3000"]), "not on 127.0.0.1"),
    "another address": (lambda s: s["grafana"].update(ports=["0.0.0.0:3000:3000"]), "not on 127.0.0.1"),
    "a port twice": (lambda s: s["grafana"]["ports"].append("127.0.0.1:9090:9090"), "twice"),
    "no limit": (lambda s: s["tempo"].pop("mem_limit"), "no limit of memory"),
    "a password": (lambda s: s["grafana"]["environment"].update(GF_SECURITY_ADMIN_PASSWORD="admin"), "a secret"),
    "a file that is not there": (lambda s: s["loki"]["volumes"].append("./deploy/lokki.yaml:/x:ro"), "not exist"),
    "a folder to write to": (lambda s: s["loki"]["volumes"].append("./deploy:/x"), "can be written"),
    "an unknown volume": (lambda s: s["loki"]["volumes"].append("lokki:/x"), "not declared"),
    "an unmounted file": (lambda s: s["tempo"].update(command=["-config.file=/etc/tempo.yaml"]), "nothing is mounted"),
    "no check": (lambda s: s["loki"].pop("healthcheck"), "no health check"),
    "waiting for no check": (lambda s: s["loki"].pop("healthcheck"), "waits for the health of loki"),
    "an unknown dependency": (lambda s: s["load"].update(depends_on=["fronted"]), "which there is not"),
    "a mistyped key": (lambda s: s["load"].update(depend_on=["frontend"]), "unknown key depend_on"),
    "capabilities": (lambda s: s["load"].update(cap_drop=[]), "keeps capabilities"),
    "endless logs": (lambda s: s["load"].pop("logging"), "grows without end"),
    "no init": (lambda s: s["load"].pop("init"), "would not end by SIGTERM"),
    "no Dockerfile": (lambda s: s["load"]["build"].update(dockerfile="Dockerfile"), "no file Dockerfile"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_would_be_noticed(fault: str) -> None:
    """The check above finds what it is for, and nothing in other services."""
    file = copy.deepcopy(compose())
    spoil, expected = FAULTS[fault]
    spoil(file["services"])

    found = found_in(file)

    assert any(expected in complaint for complaint in found), found


def test_the_file_needs_no_variable() -> None:
    """`docker compose up` right after `git clone`: each variable has a default."""
    text = COMPOSE.read_text(encoding="utf-8")

    assert "$" not in json.dumps(compose())
    assert "${" in text


def test_who_has_no_shell_is_asked_by_another() -> None:
    """The addresses that the service `health` asks are those that the collector and Jaeger answer at."""
    asked = [part for part in compose()["services"]["health"]["command"] if part.startswith("http")]
    jaeger = load_yaml((DEPLOY / "jaeger.yaml").read_text(encoding="utf-8"))

    assert asked == ["http://collector:13133/", "http://jaeger:13133/status"]
    assert collector()["extensions"]["health_check"]["endpoint"] == "0.0.0.0:13133"
    assert jaeger["extensions"]["healthcheckv2"]["http"]["endpoint"] == "0.0.0.0:13133"
    assert compose()["services"]["health"]["healthcheck"]["test"][-2:] == asked


def test_each_address_in_a_configuration_is_a_service_that_listens() -> None:
    """What collector, Prometheus and Grafana call ``name:port`` is a service of the file."""
    services = compose()["services"]
    texts = [path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*.yaml") if "kubernetes" not in path.parts]
    called = {
        name
        for text in texts
        for name in re.findall(r"(?:https?://|targets: \[|endpoint: )([a-z]+):\d+", text)
        if name != "localhost"
    }

    assert called == {"collector", "jaeger", "loki", "prometheus", "tempo"}
    assert called <= services.keys()


def test_what_the_image_copies_is_there_and_is_sent_to_the_builder() -> None:
    """Each source of a COPY exists, and the ignore file lets it through."""
    dockerfile = (DEPLOY / "shop" / "Dockerfile").read_text(encoding="utf-8")
    ignore = (DEPLOY / "shop" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    sent = {
        str(path.relative_to(ROOT))
        for line in ignore.splitlines()
        if line.startswith("!")
        for path in ROOT.glob(line[1:].replace("/**", "/**/*"))
        if path.is_file()
    }
    sources = [source for line in re.findall(r"(?m)^COPY (.+)$", dockerfile) for source in line.split()[:-1]]

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(name == source or name.startswith(f"{source}/") for name in sent), source


@pytest.mark.skipif(not PLUGIN, reason="needs Docker's compose plugin")
def test_docker_compose_takes_it() -> None:
    """`docker compose config` has nothing to complain about."""
    done = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
