from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from otel_ctxlog import config

from .files import COMPOSE, DEPLOY, ROOT, load_all, load_yaml

YAML = sorted([COMPOSE, *DEPLOY.rglob("*.yaml")])
JSON = sorted(DEPLOY.rglob("*.json"))
RULES = sorted((DEPLOY / "shop" / "rules").glob("*.yaml"))


def name(path: Path) -> str:
    """A path as it is in the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", YAML, ids=name)
def test_yaml(path: Path) -> None:
    """Each YAML file has something in it, and no key twice."""
    documents = load_all(path.read_text(encoding="utf-8"))

    assert documents
    assert all(documents)


@pytest.mark.parametrize("path", JSON, ids=name)
def test_json(path: Path) -> None:
    """Each JSON file is an object."""
    assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("path", RULES, ids=name)
def test_rules(path: Path) -> None:
    """The shop's rules are a configuration with rules in it."""
    assert config.load(path).rules


def test_a_key_twice_would_be_noticed() -> None:
    """YAML lets the last of two equal keys win; this reader does not."""
    with pytest.raises(yaml.YAMLError, match="key 'a' twice"):
        load_yaml("a: 1\nb: {a: 1}\na: 2\n")


def test_there_are_as_many_files_as_known() -> None:
    """A new kind of file has to be read by a test."""
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    kinds = {path.suffix for path in files}

    assert kinds == {".yaml", ".json", ".py", ".dockerignore", ""}
    assert (len(JSON), len(RULES)) == (5, 1)
