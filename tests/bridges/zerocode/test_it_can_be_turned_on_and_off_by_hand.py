"""`CtxlogInstrumentor().instrument()` and `uninstrument()` in a program: all of it, all of it undone."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl
from otel_ctxlog.config import ConfigError

pytest.importorskip("opentelemetry.instrumentation.instrumentor")

from otel_ctxlog.otel.decided import GATES
from otel_ctxlog.pipeline.instrumentor import CtxlogInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEBUG_FOR_SHOP = {"rules": [{"rule": {"level": "Debug", "conditions": [{"realmprefix": "shop"}]}}]}


class World:
    """A provider, and what a program does that knows nothing of us."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    def run(self) -> list[object]:
        """Let it log, and return what arrived."""
        self.exporter.clear()
        for name in ("shop.cart", "web.page"):
            logging.getLogger(name).debug("stdlib %s", name)
            self.provider.get_logger(name).emit(severity_number=SeverityNumber.DEBUG, body=f"otel {name}")
        return [record.log_record.body for record in self.exporter.get_finished_logs()]


@pytest.fixture
def world() -> Iterator[World]:
    """Return a world in which it is turned off, and turn it off again."""
    made = World()
    before = set(GATES.living)
    yield made
    instrumentor = CtxlogInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
    assert GATES.living <= before
    made.provider.shutdown()


ALL = ["otel shop.cart", "otel web.page"]


def test_turned_off_nothing_is_left(world: World) -> None:
    """The default context, the methods of `logging` and of the provider are what they were."""
    methods = (logging.Logger.isEnabledFor, logging.Logger.callHandlers)
    default = cl.set_default_context(cl.LoggingContext())
    cl.set_default_context(default)
    holder = dict(vars(world.provider._multi_log_record_processor))
    before = world.run()

    CtxlogInstrumentor().instrument(config=DEBUG_FOR_SHOP, logger_provider=world.provider)
    during = world.run()
    CtxlogInstrumentor().uninstrument()

    assert (before, during, world.run()) == (ALL, ["stdlib shop.cart", "otel shop.cart"], ALL)
    assert (logging.Logger.isEnabledFor, logging.Logger.callHandlers) == methods
    assert cl.set_default_context(default) is default
    assert dict(vars(world.provider._multi_log_record_processor)).keys() == holder.keys()


def test_turned_on_again_it_works_again(world: World) -> None:
    """Twice on is once on, and each of several rounds is like the first."""
    for _ in range(3):
        CtxlogInstrumentor().instrument(config=DEBUG_FOR_SHOP, logger_provider=world.provider)
        CtxlogInstrumentor().instrument()
        assert world.run() == ["stdlib shop.cart", "otel shop.cart"]
        CtxlogInstrumentor().uninstrument()
        assert world.run() == ALL


def test_its_parts_can_be_chosen(world: World) -> None:
    """Without the gate other instrumentations are left alone, without stdlib so is `logging`."""
    CtxlogInstrumentor().instrument(config=DEBUG_FOR_SHOP, gate=False, logger_provider=world.provider)
    no_gate = world.run()
    CtxlogInstrumentor().uninstrument()
    CtxlogInstrumentor().instrument(config=DEBUG_FOR_SHOP, stdlib=False, logger_provider=world.provider)

    assert no_gate == ["stdlib shop.cart", *ALL]
    assert world.run() == ["otel shop.cart"]


def test_a_context_that_somebody_has_chosen_since_stays(world: World) -> None:
    """The default context of a program that made its own is not taken from it."""
    chosen, default = cl.LoggingContext(), cl.set_default_context(cl.LoggingContext())
    cl.set_default_context(default)

    CtxlogInstrumentor().instrument(logger_provider=world.provider)
    cl.set_default_context(chosen)
    CtxlogInstrumentor().uninstrument()

    assert cl.set_default_context(default) is chosen


def test_a_file_is_named_or_in_the_variable(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the variable."""
    (tmp_path / "shop.yaml").write_text("rules: [{rule: {level: Debug, conditions: [{realmprefix: shop}]}}]")
    (tmp_path / "web.yaml").write_text("rules: [{rule: {level: Debug, conditions: [{realmprefix: web}]}}]")
    monkeypatch.setenv("OTEL_CTXLOG_CONFIG", str(tmp_path / "web.yaml"))

    CtxlogInstrumentor().instrument(logger_provider=world.provider)
    assert world.run() == ["stdlib web.page", "otel web.page"]
    CtxlogInstrumentor().uninstrument()
    CtxlogInstrumentor().instrument(config=str(tmp_path / "shop.yaml"), logger_provider=world.provider)

    assert world.run() == ["stdlib shop.cart", "otel shop.cart"]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"config": "missing.yaml"}, ConfigError, "missing.yaml:  ?the file named by option 'config' does not exist"),
        ({"config": {"rules": [{"rule": {"level": "Debgu"}}]}}, ConfigError, "did you mean 'Debug'"),
        ({"config": 5}, TypeError, "argument 'config' is 5, allowed: the name of a file, or a mapping"),
        ({"gate": "yes"}, TypeError, "argument 'gate' is 'yes', allowed: True or False"),
        ({"stdlb": True}, ValueError, "is 'stdlb', allowed: config, stdlib, gate; did you mean 'stdlib'"),
    ],
)
def test_wrong_arguments_are_refused(
    world: World, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    """The error says what was found and what is allowed, and nothing is turned on."""
    with pytest.raises(error, match=text):
        CtxlogInstrumentor().instrument(logger_provider=world.provider, **arguments)

    assert world.run() == ALL
    assert not CtxlogInstrumentor().is_instrumented_by_opentelemetry


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("OTEL_CTXLOG_CONFIG", "missing.yaml", "the file named by OTEL_CTXLOG_CONFIG does not exist"),
        ("OTEL_CTXLOG_GATE", "flase", "OTEL_CTXLOG_GATE is 'flase', allowed: true, false; did you mean 'false'?"),
    ],
)
def test_wrong_variables_are_reported(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    value: str,
    text: str,
) -> None:
    """An error would keep other instrumentations from being turned on: it is one diagnostic, and all is as without."""
    monkeypatch.setenv(variable, value)

    CtxlogInstrumentor().instrument(logger_provider=world.provider)

    assert [record.name for record in caplog.records] == ["otel_ctxlog"]
    assert caplog.text.count(text) == 1
    assert world.run() == ALL


def test_a_provider_that_cannot_be_gated_is_said(caplog: pytest.LogCaptureFixture, world: World) -> None:
    """Rules for `logging` work all the same."""

    class Other:
        def get_logger(self, name: str, *_: object) -> object:
            return world.provider.get_logger(name)

    CtxlogInstrumentor().instrument(config=DEBUG_FOR_SHOP, logger_provider=Other())

    assert "which otel_ctxlog cannot stand in front of" in caplog.text
    assert world.run() == ["stdlib shop.cart", *ALL]


def test_without_a_provider_it_says_so(caplog: pytest.LogCaptureFixture, world: World) -> None:
    """Nothing in this process has set a global provider."""
    CtxlogInstrumentor().instrument()

    assert "otel_ctxlog found no LoggerProvider" in caplog.text
    assert world.run() == ALL


def test_others_log_while_it_is_turned_on_and_off(world: World) -> None:
    """No record that the rules let through is lost or doubled, and no call raises, whatever the moment."""
    numbers = itertools.count()
    failures: list[BaseException] = []
    ended = threading.Event()

    def log() -> None:
        logger = world.provider.get_logger(f"shop.{threading.get_ident()}")
        try:
            while not ended.is_set():
                logger.emit(severity_number=SeverityNumber.INFO, body=next(numbers))
        except BaseException as error:  # noqa: BLE001 - reported by the test
            failures.append(error)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        CtxlogInstrumentor().instrument(config=DEBUG_FOR_SHOP, logger_provider=world.provider)
        CtxlogInstrumentor().uninstrument()
    ended.set()
    for thread in threads:
        thread.join()

    arrived = [record.log_record.body for record in world.exporter.get_finished_logs()]
    assert failures == []
    assert sorted(arrived, key=str) == sorted(range(next(numbers)), key=str)
