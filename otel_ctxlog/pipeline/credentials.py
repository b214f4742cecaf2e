"""Credentials that another distribution provides, by OpenTelemetry Python's variables for that.

``OTEL_PYTHON_EXPORTER_OTLP_{HTTP,GRPC}_CREDENTIAL_PROVIDER``, or with the signal in front of ``CREDENTIAL``, names an
entry point of the group ``opentelemetry_otlp_credential_provider``.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from otel_ctxlog.pipeline.environment import choose

if TYPE_CHECKING:
    from otel_ctxlog.pipeline.environment import Signal

__all__ = ["credential_provider", "provided"]

_GROUP: Final = "opentelemetry_otlp_credential_provider"

T = TypeVar("T")


def credential_provider(protocol: Literal["HTTP", "GRPC"], signal: Signal) -> tuple[str, str] | None:
    """Return the variable that names a provider, and the name; None if there is none."""
    prefix, suffix = f"OTEL_PYTHON_EXPORTER_OTLP_{protocol}_", "CREDENTIAL_PROVIDER"
    for variable in (f"{prefix}{signal.upper()}_{suffix}", prefix + suffix):
        name = os.environ.get(variable)
        if name:
            return variable, name
    return None


def provided(protocol: Literal["HTTP", "GRPC"], signal: Signal, kind: type[T]) -> T | None:
    """Return what the provider gives, or None if there is none.

    Raises:
        ValueError: no installed distribution registers it.
        TypeError: it gives something else.
    """
    found = credential_provider(protocol, signal)
    if found is None:
        return None
    variable, name = found
    points = {point.name: point for point in entry_points(group=_GROUP)}
    given: object = points[choose(name, points, what=variable)].load()()
    if not isinstance(given, kind):
        raise TypeError(f"{variable} names {name!r}, which gives {given!r}, allowed: a {kind.__qualname__}")
    return given
