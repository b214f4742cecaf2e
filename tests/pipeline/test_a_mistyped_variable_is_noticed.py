"""A variable that begins like ours and is none is said, once, with the nearest match."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import otel_ctxlog
from otel_ctxlog import setup
from otel_ctxlog.pipeline import unknown_variables


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    said: set[str] = set()
    monkeypatch.setattr(unknown_variables, "_told", said)


def _set_up() -> None:
    setup(exporter="none", set_global=False).shutdown()


def test_a_typo_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """However often `setup` is called: what was found, what is allowed, and what was meant."""
    monkeypatch.setenv("OTEL_CTXLOG_CONFG", "rules.yaml")
    _set_up()
    _set_up()

    [text] = caplog.messages
    assert text.startswith("the environment variable OTEL_CTXLOG_CONFG has no effect, allowed: OTEL_CTXLOG, ")
    assert text.endswith("; did you mean OTEL_CTXLOG_CONFIG?")


def test_what_is_like_nothing_has_no_hint(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A guess that far off would mislead."""
    monkeypatch.setenv("OTEL_CTXLOG_PASSWORD_OF_THE_ADMIN", "x")
    _set_up()

    [text] = caplog.messages
    assert "did you mean" not in text
    assert "x" not in text.replace("OTEL_CTXLOG", "")


def test_our_variables_are_known(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Each that the code names is in the list, and is said nothing about."""
    folder = Path(otel_ctxlog.__file__).parent
    named = {
        name
        for path in folder.rglob("*.py")
        for name in re.findall(r'"(OTEL_CTXLOG[A-Z_]*)"', path.read_text(encoding="utf-8"))
    }

    assert named == set(unknown_variables.KNOWN)
    for name in ("OTEL_CTXLOG_STDLIB", "OTEL_CTXLOG_GATE"):
        monkeypatch.setenv(name, "true")
    _set_up()
    assert caplog.messages == []
