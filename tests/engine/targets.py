"""Targets: providers and sinks that say what arrived in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry._logs import Logger
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource

import otel_ctxlog as cl

from . import own

ARRIVED: list[tuple[str, int]] = []
"""Where records arrived since it was emptied: the name of the target, and the level (of a provider: the severity)."""


def _provider(name: str, arrived: list[tuple[str, int]] = ARRIVED) -> LoggerProvider:
    provider = LoggerProvider(resource=Resource({"place": name, "a": 1}), shutdown_on_exit=False)
    provider.add_log_record_processor(own.KeepingProcessor(name, arrived))
    return provider


@dataclass
class Described:
    """A resource of another implementation."""

    attributes: Mapping[str, object]


class MovingProvider:
    """A provider of another implementation, which gets another resource now and then, as a forked process does."""

    def __init__(self, name: str, arrived: list[tuple[str, int]] | None = None) -> None:
        self.arrived: list[tuple[str, int]] = [] if arrived is None else arrived
        self._provider = _provider(name, self.arrived)
        self.resource = Described({})

    def get_logger(self, name: str, *arguments: object, **named: object) -> Logger:
        return self._provider.get_logger(name)


MOVING = MovingProvider("moving", ARRIVED)
PROVIDERS = {"here": _provider("here"), "there": _provider("there"), "moving": MOVING}
RESOURCES: tuple[dict[str, object], ...] = ({"place": "here", "a": 1}, {"place": "there", "a": True}, {"a": "1"}, {})
SINKS = {"one": own.KeepingSink("one", ARRIVED), "two": own.KeepingSink("two", ARRIVED)}
TARGETS: dict[str, cl.LogSink | LoggerProvider] = {**PROVIDERS, **SINKS}  # type: ignore[dict-item]
ELSEWHERE = own.Elsewhere("elsewhere", ARRIVED)
