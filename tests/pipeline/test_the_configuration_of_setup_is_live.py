"""`setup` watches its file, and takes rules on one line from the variable ``OTEL_CTXLOG``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEBUG = "defaultLevel: Warn\nrules:\n  - rule: {level: Debug, conditions: [{realm: shop/db}]}\n"
TRACE = "defaultLevel: Warn\nrules:\n  - rule: {level: Trace, conditions: [{realm: shop/db}]}\n"


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_a_change_of_the_file_counts(tmp_path: Path) -> None:
    """Rules of code stay; the end of the pipeline is the end of watching."""
    path = tmp_path / "rules.yaml"
    path.write_text(DEBUG)
    with cl.setup(config=path, exporter="none", set_global=False) as telemetry:
        ctx = telemetry.logging
        ctx.add_rule(cl.ConditionRule(cl.INFO, cl.Realm("shop/web")))
        log = ctx.unbound_logger(cl.Realm("shop/db"))
        before = (log.enabled(cl.DEBUG), log.enabled(cl.TRACE))
        path.write_text(TRACE)
        _until(lambda: log.enabled(cl.TRACE))

        assert before == (True, False)
        assert [str(found.origin).rpartition("/")[2] for found in ctx.statistics().rules][1] == "rules.yaml:3"
    path.write_text(DEBUG)
    time.sleep(1.5)

    assert log.enabled(cl.TRACE)


def test_watching_can_be_left_off(tmp_path: Path) -> None:
    """Then the file is read once."""
    path = tmp_path / "rules.yaml"
    path.write_text(DEBUG)
    with cl.setup(config=path, watch_config=False, exporter="none", set_global=False) as telemetry:
        path.write_text(TRACE)
        time.sleep(1.5)

        assert not telemetry.logging.logger(cl.Realm("shop/db")).enabled(cl.TRACE)


def test_rules_on_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come on top of a file, say where they came from, and their default level holds, also after a reload."""
    path = tmp_path / "rules.yaml"
    path.write_text(DEBUG)
    monkeypatch.setenv("OTEL_CTXLOG_CONFIG", str(path))
    monkeypatch.setenv("OTEL_CTXLOG", "error,shop/db=info")
    with cl.setup(exporter="none", set_global=False) as telemetry:
        ctx = telemetry.logging
        log = ctx.unbound_logger(cl.Realm("shop/db"))
        found = ctx.statistics().rules
        path.write_text(TRACE)
        _until(lambda: "5" in str(ctx.statistics().rules[1].rule))

        assert str(found[0].origin).startswith("environment OTEL_CTXLOG")
        assert (ctx.default_level, log.enabled(cl.DEBUG)) == (cl.ERROR, False)


def test_the_variable_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is needed."""
    monkeypatch.setenv("OTEL_CTXLOG", "shop/**=debug")
    with cl.setup(exporter="none", set_global=False) as telemetry:
        assert telemetry.logging.logger(cl.Realm("shop/db")).enabled(cl.DEBUG)


@pytest.mark.parametrize("rules", ["warn,shop=debug", "debug"])
def test_rules_in_place_of_a_file_are_told_where_to_go(rules: str) -> None:
    """`config="shop=debug"` names no file, and was probably meant as rules."""
    with pytest.raises(cl.ConfigError, match=r"does not exist in .*; rules on one line go into OTEL_CTXLOG"):
        cl.setup(config=rules, exporter="none", set_global=False)


def test_a_mistake_in_the_variable_is_an_error_of_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable and what was probably meant; no thread is left."""
    monkeypatch.setenv("OTEL_CTXLOG", "shop/db=debgu")
    with pytest.raises(cl.ConfigError, match=r"OTEL_CTXLOG.*debgu.*did you mean 'Debug'"):
        cl.setup(exporter="none", set_global=False)
