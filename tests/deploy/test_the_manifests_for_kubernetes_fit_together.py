from __future__ import annotations

import copy
import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from otel_ctxlog import config

from . import collector_rules, kubernetes_rules
from .files import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Callable

FILES: dict[str, list[Any]] = {
    path.name: list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong_with_a_file(name: str) -> None:
    """Selectors, volumes, variables and probes refer to what there is; each container is limited and hardened."""
    assert list(kubernetes_rules.complaints(FILES[name])) == []


def test_configurations_in_configmaps_are_good() -> None:
    """Rules are rules, and a collector's configuration has no complaint."""
    rules: list[config.Config] = []
    collectors: list[Any] = []
    for documents in FILES.values():
        for document in documents:
            if document["kind"] == "ConfigMap":
                for key, text in document["data"].items():
                    if key == "rules.yaml":
                        rules.append(config.load(text))
                    else:
                        collectors.append(yaml.safe_load(text))

    assert [len(one.rules) for one in rules] == [2]
    assert [list(collector_rules.complaints(one)) for one in collectors] == [[], []]


def test_the_service_ends_by_sigterm() -> None:
    """It is not the first process of its container, and has more time than the library and the load balancer need."""
    ((_, pod),) = kubernetes_rules.pods(FILES["frontend.yaml"])
    (container,) = pod["containers"]

    assert pod["shareProcessNamespace"] is True
    assert pod["terminationGracePeriodSeconds"] > container["lifecycle"]["preStop"]["sleep"]["seconds"] + 5 + 10


def test_the_spool_fits_its_volume() -> None:
    """The folder of the spool is a volume, larger than the spool may become."""
    ((_, pod),) = kubernetes_rules.pods(FILES["frontend.yaml"])
    (container,) = pod["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    limits = {one["name"]: one.get("emptyDir", {}).get("sizeLimit") for one in pod["volumes"]}

    assert limits[mounts[variables["OTEL_CTXLOG_SPOOL"]]] == "512Mi"  # the spool takes 256 MiB unless told otherwise
    assert variables["SHOP_RULES"].rpartition("/")[0] in mounts


def test_the_sidecar_lives_longer_than_the_service() -> None:
    """It is an init container that stays, and the service sends to it."""
    ((_, pod),) = kubernetes_rules.pods(FILES["sidecar.yaml"])
    (sidecar,) = pod["initContainers"]

    assert sidecar["restartPolicy"] == "Always"
    assert "startupProbe" in sidecar


FAULTS: dict[str, tuple[Callable[[Any, Any], object], str]] = {
    "another selector": (lambda d, _: d[1]["spec"]["selector"]["matchLabels"].update(a="b"), "does not find its pods"),
    "another version": (lambda d, _: d[1].update(apiVersion="v1"), "Deployment is not of v1"),
    "no such ConfigMap": (lambda d, _: d[0]["metadata"].update(name="x"), "no ConfigMap frontend-rules"),
    "no such volume": (lambda _, c: c["volumeMounts"].append({"name": "x", "mountPath": "/x"}), "no volume x"),
    "an unused volume": (lambda _, c: c["volumeMounts"].pop(0), "volume rules is not mounted"),
    "a file by itself": (lambda _, c: c["volumeMounts"][0].update(subPath="rules.yaml"), "does not change"),
    "one inside of another": (
        lambda _, c: c["volumeMounts"][1].update(mountPath="/etc/shop/x"),
        "is mounted inside of",
    ),
    "a variable too early": (lambda _, c: c["env"].insert(0, {"name": "X", "value": "$(POD_UID)"}), "not above it"),
    "an unknown field": (
        lambda _, c: c["env"].append({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.image"}}}),
        "the downward API has no spec.image",
    ),
    "no limit": (lambda _, c: c["resources"].pop("limits"), "no limit of memory"),
    "latest": (lambda _, c: c.update(image="shop:latest"), "not pinned"),
    "an unknown port": (lambda _, c: c["readinessProbe"]["httpGet"].update(port="web"), "which there is not"),
    "capabilities": (lambda _, c: c["securityContext"].pop("capabilities"), "keeps capabilities"),
    "a hurry": (
        lambda d, _: d[1]["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=3),
        "too little time",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_would_be_noticed(fault: str) -> None:
    """The check above finds what it is for."""
    documents = copy.deepcopy(FILES["frontend.yaml"])
    spoil, expected = FAULTS[fault]
    spoil(documents, documents[1]["spec"]["template"]["spec"]["containers"][0])

    found = list(kubernetes_rules.complaints(documents))

    assert any(expected in complaint for complaint in found), found


@pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None, reason="needs the schemas: pip install kubernetes-validate"
)
@pytest.mark.parametrize("name", FILES)
def test_the_schemas_of_kubernetes_take_it(name: str) -> None:
    """Each document is what the API server of the oldest and the newest supported Kubernetes takes."""
    validate: Any = importlib.import_module("kubernetes_validate").validate
    for document in FILES[name]:
        for version in ("1.34", "1.37"):
            validate(document, version, strict=True)
