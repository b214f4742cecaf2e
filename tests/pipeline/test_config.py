"""The configuration of the context: by argument in every form, by variable, by neither."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog.config import Config, rule, tag
from otel_ctxlog.pipeline import setup

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "defaultLevel: Debug\nrules:\n  - rule:\n      level: Trace\n      conditions:\n        - tag: x\n"

_FORMS: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "name": str,
    "text": lambda path: TEXT,
    "bytes": lambda path: TEXT.encode(),
    "line": lambda path: "{defaultLevel: Debug, rules: [{rule: {level: Trace, conditions: [{tag: x}]}}]}",
    "mapping": lambda path: {
        "defaultLevel": "Debug",
        "rules": [{"rule": {"level": "Trace", "conditions": [{"tag": "x"}]}}],
    },
    "plain data": lambda path: Config("Debug", [rule("Trace", tag("x"))]),
}


@pytest.mark.parametrize("form", _FORMS)
def test_every_form_is_taken(form: str, tmp_path: Path) -> None:
    """A path, the name of a file, YAML, a mapping or plain data: the context has its level and rules."""
    path = tmp_path / "ctxlog.yaml"
    path.write_text(TEXT, encoding="utf-8")

    with setup(exporter="none", config=_FORMS[form](path), set_global=False) as telemetry:
        assert (telemetry.logging.default_level, len(telemetry.logging.rules)) == (4, 1)


def test_the_variable_names_a_file_and_the_argument_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_CTXLOG_CONFIG` is read unless there is an argument, and then not at all."""
    path = tmp_path / "ctxlog.yaml"
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.setenv("OTEL_CTXLOG_CONFIG", str(path))

    with setup(exporter="none", set_global=False) as telemetry:
        assert (telemetry.logging.default_level, len(telemetry.logging.rules)) == (4, 1)
    with setup(exporter="none", set_global=False, config="defaultLevel: Warn") as telemetry:
        assert (telemetry.logging.default_level, len(telemetry.logging.rules)) == (2, 0)


def test_nothing_is_configured_by_default() -> None:
    """Without a configuration the level is the library's, and there are no rules."""
    with setup(exporter="none", set_global=False) as telemetry:
        assert (telemetry.logging.default_level, telemetry.logging.rules) == (3, ())
