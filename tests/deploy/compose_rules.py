"""What can be said about a Compose file without Docker: images, ports, limits, health checks, volumes, dependencies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .files import mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["complaints"]

_TOP: Final = frozenset({"name", "services", "volumes", "networks", "configs", "secrets"})
# Those keys of a service in the Compose specification that this project has a use for.
_SERVICE: Final = frozenset(
    {
        "build",
        "cap_drop",
        "command",
        "depends_on",
        "environment",
        "healthcheck",
        "image",
        "init",
        "logging",
        "mem_limit",
        "ports",
        "read_only",
        "restart",
        "security_opt",
        "tmpfs",
        "user",
        "volumes",
    }
)
_HEALTH: Final = frozenset({"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"})
_IMAGE: Final = re.compile(r"(?P<name>[a-z0-9./-]+):(?P<tag>v?\d+\.\d+\.\d+[a-z0-9.-]*)")
_PORT: Final = re.compile(r"127\.0\.0\.1:(?P<host>\d+):(?P<container>\d+)")
_SECRET: Final = re.compile(r"(?i)password|secret|token|api_?key")


def complaints(file: Any, folder: Path, *, probed: str = "") -> Iterator[str]:
    """Yield a line for each thing that is wrong.

    Args:
        file: the Compose file, its variables replaced.
        folder: where it stands: relative paths begin there.
        probed: addresses, in one text, that some health check asks on behalf of services without one.
    """
    for key in file.keys() - _TOP:
        if not key.startswith("x-"):
            yield f"unknown key {key}"
    services = file["services"]
    for name, service in services.items():
        for key in service.keys() - _SERVICE:
            yield f"{name}: unknown key {key}"
        yield from _image(name, service, folder)
        yield from _bounded(name, service)
        yield from _mounted(name, service, file, folder)
        yield from _awaited(name, service, services)
        checked = "healthcheck" in service or f"://{name}:" in probed or "ports" not in service
        if not checked or service.get("healthcheck", {}).keys() - _HEALTH:
            yield f"{name}: no health check, or one with unknown keys"
    used = {str(mount).partition(":")[0] for service in services.values() for mount in service.get("volumes", [])}
    for volume in mapping(file.get("volumes")).keys() - used:
        yield f"volume {volume} is not used"
    ports = [port for service in services.values() for port in service.get("ports", [])]
    for port in {port for port in ports if ports.count(port) > 1}:
        yield f"port {port} twice"


def _image(name: str, service: Any, folder: Path) -> Iterator[str]:
    if "build" in service:
        dockerfile = folder / service["build"]["context"] / service["build"]["dockerfile"]
        if not dockerfile.is_file():
            yield f"{name}: no file {service['build']['dockerfile']}"
        if "init" not in service:
            yield f"{name}: as the first process of its container it would not end by SIGTERM"
    elif _IMAGE.fullmatch(service.get("image", "")) is None:
        yield f"{name}: image {service.get('image')} is not pinned to a version"


def _bounded(name: str, service: Any) -> Iterator[str]:
    for port in service.get("ports", []):
        if _PORT.fullmatch(port) is None:
            yield f"{name}: port {port} is not on 127.0.0.1"
    if re.fullmatch(r"\d+[mg]", str(service.get("mem_limit", ""))) is None:
        yield f"{name}: no limit of memory"
    if service.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{name}: keeps capabilities"
    if "options" not in service.get("logging", {}):
        yield f"{name}: its output grows without end"
    for variable, value in mapping(service.get("environment")).items():
        if _SECRET.search(variable) and value not in {"true", "false"}:
            yield f"{name}: {variable} looks like a secret"


def _mounted(name: str, service: Any, file: Any, folder: Path) -> Iterator[str]:
    targets: list[str] = []
    for mount in service.get("volumes", []):
        source, target, *mode = mount.split(":")
        targets.append(target)
        if source.startswith("."):
            if not (folder / source).exists():
                yield f"{name}: {source} does not exist"
            if mode != ["ro"]:
                yield f"{name}: {source} can be written"
        elif source not in mapping(file.get("volumes")):
            yield f"{name}: volume {source} is not declared"
    command = " ".join(service.get("command", []))
    for path in re.findall(r"/etc/[\w./-]+\.ya?ml", command):
        if path not in targets:
            yield f"{name}: nothing is mounted at {path}"


def _awaited(name: str, service: Any, services: Any) -> Iterator[str]:
    awaited = service.get("depends_on", {})
    for other in awaited:
        if other not in services:
            yield f"{name}: depends on {other}, which there is not"
        elif isinstance(awaited, dict) and "healthcheck" not in services[other]:
            yield f"{name}: waits for the health of {other}, which has no check"
