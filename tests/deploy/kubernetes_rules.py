"""What can be said about manifests without a cluster: names that refer to each other, limits, and how a pod ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from .files import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["complaints", "pods"]

_KINDS: Final = {
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "ConfigMap": "v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "ServiceAccount": "v1",
}
# https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#available-fields
_FIELDS: Final = re.compile(
    r"metadata\.(name|namespace|uid|labels\['[\w./-]+'\]|annotations\['[\w./-]+'\])"
    r"|spec\.(serviceAccountName|nodeName)|status\.(hostIP|hostIPs|podIP|podIPs)"
)
_IMAGE: Final = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*")
_GRACE_SECONDS: Final = 10


def pods(documents: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield name and specification of each pod that the documents describe."""
    for document in documents:
        if document["kind"] in {"DaemonSet", "Deployment", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def complaints(documents: Sequence[Any]) -> Iterator[str]:
    """Yield a line for each thing that is wrong with the documents of one file."""
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if _KINDS.get(kind) != document["apiVersion"]:
            yield f"{name}: {kind} is not of {document['apiVersion']}"
        if kind in {"DaemonSet", "Deployment"}:
            labels = document["spec"]["template"]["metadata"]["labels"]
            if not document["spec"]["selector"]["matchLabels"].items() <= labels.items():
                yield f"{name}: its selector does not find its pods"
    maps = {document["metadata"]["name"] for document in documents if document["kind"] == "ConfigMap"}
    accounts = {document["metadata"]["name"] for document in documents if document["kind"] == "ServiceAccount"}
    for name, pod in pods(documents):
        yield from _pod(name, pod, maps, accounts)


def _pod(name: str, pod: Any, maps: set[str], accounts: set[str]) -> Iterator[str]:
    if pod.get("terminationGracePeriodSeconds", 30) <= _GRACE_SECONDS:
        yield f"{name}: too little time to end"
    if "serviceAccountName" in pod and pod["serviceAccountName"] not in accounts:
        yield f"{name}: no service account {pod['serviceAccountName']}"
    if mapping(pod.get("securityContext")).get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{name}: no seccomp profile"
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for volume in volumes.values():
        source = mapping(volume.get("configMap"))
        if source and source["name"] not in maps:
            yield f"{name}: no ConfigMap {source['name']}"
        if "emptyDir" in volume and "sizeLimit" not in mapping(volume["emptyDir"]):
            yield f"{name}: volume {volume['name']} has no limit"
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    mounted: set[str] = set()
    for container in containers:
        mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
        yield from _container(f"{name}/{container['name']}", container, volumes)
    for volume in volumes.keys() - mounted:
        yield f"{name}: volume {volume} is not mounted"


def _container(name: str, container: Any, volumes: dict[str, Any]) -> Iterator[str]:
    if _IMAGE.fullmatch(container["image"]) is None:
        yield f"{name}: image {container['image']} is not pinned to a version"
    if "memory" not in mapping(mapping(container.get("resources")).get("limits")):
        yield f"{name}: no limit of memory"
    security = mapping(container.get("securityContext"))
    if security.get("capabilities") != {"drop": ["ALL"]} or security.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: keeps capabilities"
    yield from _mounts(name, container.get("volumeMounts", []), volumes)
    yield from _variables(name, container.get("env", []))
    ports = {port["name"] for port in container.get("ports", [])}
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        port = mapping(mapping(container.get(probe)).get("httpGet")).get("port")
        if port is not None and port not in ports:
            yield f"{name}: {probe} asks port {port}, which there is not"


def _mounts(name: str, mounts: Any, volumes: dict[str, Any]) -> Iterator[str]:
    paths = [mount["mountPath"] for mount in mounts]
    for mount in mounts:
        if mount["name"] not in volumes:
            yield f"{name}: no volume {mount['name']}"
        if "subPath" in mount and "configMap" in volumes.get(mount["name"], {}):
            yield f"{name}: a ConfigMap mounted by subPath does not change"
        if any(path.startswith(f"{mount['mountPath']}/") for path in paths):
            yield f"{name}: something is mounted inside of {mount['mountPath']}"


def _variables(name: str, variables: Any) -> Iterator[str]:
    known: set[str] = set()
    for variable in variables:
        field = mapping(mapping(variable.get("valueFrom")).get("fieldRef")).get("fieldPath")
        if field is not None and _FIELDS.fullmatch(field) is None:
            yield f"{name}: the downward API has no {field}"
        for used in re.findall(r"\$\((\w+)\)", str(variable.get("value", ""))):
            if used not in known:
                yield f"{name}: {variable['name']} uses {used}, which is not above it"
        known.add(variable["name"])
