"""Where the stack's files are, and how they are read: no key twice, Compose's variables by their defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "COMPOSE",
    "DASHBOARDS",
    "DEPLOY",
    "ROOT",
    "collector",
    "compose",
    "dashboards",
    "load_all",
    "load_yaml",
    "loki_index_labels",
    "mapping",
]

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = ROOT / "docker-compose.yml"
DASHBOARDS = DEPLOY / "grafana" / "dashboards"

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+):-(?P<default>[^}]*)\}")


class _Strict(yaml.SafeLoader):
    """Refuses what the last of two equal keys would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", node.start_mark)
        self.flatten_mapping(node)
        return super().construct_mapping(node, deep=deep)


def load_yaml(text: str) -> Any:
    """Return the one document in a text; a duplicate key is an error."""
    return yaml.load(text, Loader=_Strict)


def load_all(text: str) -> list[Any]:
    """Return all documents in a text; a duplicate key is an error."""
    return list(yaml.load_all(text, Loader=_Strict))


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping as it is, and an empty one for a key without a value."""
    found: dict[str, Any] = value or {}
    return found


def compose() -> Any:
    """Return docker-compose.yml as it is without any variable set."""
    return load_yaml(_VARIABLE.sub(lambda match: match["default"], COMPOSE.read_text(encoding="utf-8")))


def collector() -> Any:
    """Return the configuration of the collector."""
    return load_yaml((DEPLOY / "collector.yaml").read_text(encoding="utf-8"))


def dashboards() -> dict[str, Any]:
    """Return the dashboards by file name."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def loki_index_labels() -> list[str]:
    """Return the attributes of the resource that Loki is told to make labels of."""
    limits = load_yaml((DEPLOY / "loki.yaml").read_text(encoding="utf-8"))["limits_config"]
    resource = limits["otlp_config"]["resource_attributes"]
    assert resource["ignore_defaults"] is True, "with Loki's own list there are more labels than the file says"
    return [
        name for rule in resource["attributes_config"] if rule["action"] == "index_label" for name in rule["attributes"]
    ]
