"""Zero-code: what ``opentelemetry-instrument`` calls, entry point ``otel_ctxlog`` of ``opentelemetry_instrumentor``."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, cast

from opentelemetry._logs import LoggerProvider

from otel_ctxlog.bridges.zero_code_variables import OTEL_CTXLOG_GATE, OTEL_CTXLOG_STDLIB
from otel_ctxlog.engine.diagnostics import emit_diagnostic
from otel_ctxlog.errors import MissingExtraError
from otel_ctxlog.loggers.context import LoggingContext
from otel_ctxlog.loggers.default import default_context, set_default_context
from otel_ctxlog.pipeline.configuring import configure_context
from otel_ctxlog.pipeline.environment import choose, sdk_disabled
from otel_ctxlog.pipeline.global_state import global_logger_provider
from otel_ctxlog.pipeline.provider_gate import gate_provider
from otel_ctxlog.pipeline.unknown_variables import warn_of_unknown_variables

try:
    # That module switches type checkers off.
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
except ImportError as error:
    raise MissingExtraError("otel_ctxlog.pipeline.instrumentor", "instrumentation") from error

__all__ = ["CtxlogInstrumentor", "InstrumentorOptions"]

_FLAGS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentorOptions:
    """What can be said to the instrumentor: by arguments, in OpenTelemetry's configuration file, or by variables.

    Attributes:
        config: rules and levels: the name of a file, or the configuration itself as a mapping; None: what the variable
            ``OTEL_CTXLOG_CONFIG`` names.
        stdlib: whether the records of ``logging`` go through the rules and the context; None: as ``OTEL_CTXLOG_STDLIB``
            says, else True.
        gate: whether log records of other instrumentations have to pass the rules; None: as ``OTEL_CTXLOG_GATE`` says,
            else True.
    """

    config: str | dict[str, Any] | None = None
    stdlib: bool | None = None
    gate: bool | None = None


_NAMES: Final = tuple(option.name for option in fields(InstrumentorOptions))
_PROVIDER: Final = "logger_provider"
# Distributions pass some of these to all instrumentors.
_NO_OPTIONS: Final = frozenset({_PROVIDER, "tracer_provider", "meter_provider"})
# What the command passes, and nobody else.
_BY_COMMAND: Final = {"skip_dep_check"}


class CtxlogInstrumentor(BaseInstrumentor):  # type: ignore[misc] # as above
    """Turns `otel_ctxlog` on in a program that does not know it, and off again.

    The default context gets the rules of the configuration; its target is the global provider, whose records it gates;
    and records of ``logging`` go through it, in place of the official handler.
    """

    # Read by OpenTelemetry's declarative configuration.
    configuration = InstrumentorOptions

    _undo: ExitStack | None = None
    _refused = False

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: there is no library that has to be there."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Turn it on.

        Without options, what is wrong is reported, and nothing is turned on: an error would keep the command from
        turning on other instrumentations. With options it is raised.

        Args:
            **kwargs: the options `config`, `stdlib` and `gate`, see `InstrumentorOptions`; and `logger_provider`: the
                target; None: the global one.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: there is no such argument, or a variable has a value that is not allowed.
            ConfigError: the configuration is wrong, or its file cannot be read.
        """
        # OpenTelemetry's configuration file comes first; then the command calls all instrumentors, whatever came of it.
        on = self.is_instrumented_by_opentelemetry
        if kwargs.keys() <= _BY_COMMAND and (on or (self._refused and kwargs)):
            return
        super().instrument(**kwargs)

    def _instrument(self, **kwargs: Any) -> None:
        try:
            self._turn_on(*_read(kwargs))
        except Exception as error:
            self._refused = True
            if kwargs.keys() - _NO_OPTIONS:
                raise
            emit_diagnostic(
                f"otel_ctxlog is not turned on: {error}", error=None if isinstance(error, ValueError) else error
            )
        else:
            self._refused = False

    def _turn_on(self, provider: LoggerProvider | None, options: InstrumentorOptions) -> None:
        warn_of_unknown_variables()
        stdlib = _flag(options.stdlib, OTEL_CTXLOG_STDLIB)
        gate = _flag(options.gate, OTEL_CTXLOG_GATE)
        with ExitStack() as undo:
            context = LoggingContext(provider)
            config = Path(options.config) if isinstance(options.config, (str, os.PathLike)) else options.config
            undo.callback(configure_context(context, config, where="option 'config'", watch=True))
            previous = set_default_context(context)
            undo.callback(_give_back, context, previous)
            if gate:
                _gate(provider, undo)
            if stdlib:
                from otel_ctxlog.bridges import stdlib as bridge

                bridge.install()
                undo.callback(bridge.uninstall)
            self._undo = undo.pop_all()

    def _uninstrument(self, **kwargs: Any) -> None:  # noqa: ARG002 - there is nothing to choose
        undo, self._undo = self._undo, None
        if undo is not None:
            undo.close()


def _read(given: Mapping[str, object]) -> tuple[LoggerProvider | None, InstrumentorOptions]:
    options = {name: value for name, value in given.items() if name not in _NO_OPTIONS}
    for name, value in options.items():
        choose(name, _NAMES, what="an argument of instrument()")
        allowed = (str, os.PathLike, Mapping) if name == "config" else (bool,)
        if value is not None and not isinstance(value, allowed):
            expected = "the name of a file, or a mapping" if name == "config" else "True or False"
            raise TypeError(f"argument {name!r} is {value!r}, allowed: {expected}")
    return cast("LoggerProvider | None", given.get(_PROVIDER)), InstrumentorOptions(**cast("dict[str, Any]", options))


def _flag(given: bool | None, variable: str) -> bool:  # noqa: FBT001 - the value, not a switch
    if given is not None:
        return given
    text = os.environ.get(variable, "").strip().lower()
    return _FLAGS[choose(text, _FLAGS, what=variable)] if text else True


def _give_back(context: LoggingContext, previous: LoggingContext) -> None:
    current = set_default_context(previous)
    if current is not context:
        # Somebody has chosen another one since, which is theirs to take back.
        set_default_context(current)


def _gate(provider: LoggerProvider | None, undo: ExitStack) -> None:
    """Gate the provider by the default context of each moment; say why where that cannot be done."""
    found = provider or global_logger_provider()
    if found is None:
        if not sdk_disabled():
            emit_diagnostic(
                "otel_ctxlog found no LoggerProvider: log records go nowhere until one is set, and those of other"
                " instrumentations will not have to pass the rules. opentelemetry-instrument makes one with"
                " opentelemetry-distro, or another distribution, installed.",
                level=logging.WARNING,
            )
        return
    ungate = gate_provider(found, default_context())
    if ungate is None:
        kind = type(found)
        emit_diagnostic(
            f"the LoggerProvider is a {kind.__module__}.{kind.__qualname__}, which otel_ctxlog cannot stand in front of"
            ": log records of other instrumentations do not have to pass the rules",
            level=logging.WARNING,
        )
        return
    undo.callback(ungate)
