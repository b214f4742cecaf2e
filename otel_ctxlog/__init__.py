"""Log levels decided per message context, and events, as OpenTelemetry log records.

::

    import otel_ctxlog as cl

    ctx = cl.LoggingContext()
    ctx.add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("shop/db"), cl.BaggageEntry("tenant", "acme")))
    ctx.logger(cl.Realm("shop/db")).debug("connected", pool=4)

Importing this package does no I/O and loads neither the OpenTelemetry SDK nor YAML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import otel_ctxlog.delivery.lifecycle  # noqa: F401 # pyright: ignore[reportUnusedImport] - hooks of exit run backwards
from otel_ctxlog.engine.ambient_conditions import BaggageEntry, ResourceAttribute, Sampled, SpanAttribute, SpanName
from otel_ctxlog.engine.catalogue import define_realm, define_tag, realm_definitions, tag_definitions
from otel_ctxlog.engine.conditions import And, Not, Or, RealmPrefix
from otel_ctxlog.engine.fields import IGNORE, KeyValue
from otel_ctxlog.engine.levels import DEBUG, ERROR, INFO, NONE, TRACE, WARN, Level, level_name, parse_level
from otel_ctxlog.engine.matchers import Exists, Glob, OneOf, Range, Regex
from otel_ctxlog.engine.messages import Attribute, Name, Realm, Tag
from otel_ctxlog.engine.origin import Origin
from otel_ctxlog.engine.package_realm import package_realm
from otel_ctxlog.engine.protocols import (
    Condition,
    Eventer,
    LogSink,
    Matcher,
    MessageContextProvider,
    Rule,
    Source,
    Verdict,
)
from otel_ctxlog.engine.rules import ConditionRule
from otel_ctxlog.engine.values import Lazy
from otel_ctxlog.errors import ConfigError, EventError, MissingExtraError
from otel_ctxlog.loggers.base import Logger, VLogger
from otel_ctxlog.loggers.bound import NON_LOGGING
from otel_ctxlog.loggers.context import AttributionContext, LoggingContext
from otel_ctxlog.loggers.default import default_context, log, set_default_context
from otel_ctxlog.loggers.unbound import UnboundLogger
from otel_ctxlog.otel.sources import BaggageSource, SpanSource

if TYPE_CHECKING:
    from otel_ctxlog.engine.controls import ControlledRule, First, Limit
    from otel_ctxlog.engine.explain import Explanation
    from otel_ctxlog.events.cloudwatch import CloudWatchEventer
    from otel_ctxlog.events.contract import marshal
    from otel_ctxlog.events.log import LogEventer
    from otel_ctxlog.events.nop import NopEventer
    from otel_ctxlog.events.otel import OTelEventer
    from otel_ctxlog.events.tee import TeeEventer
    from otel_ctxlog.loggers.named_eventers import NamedEventer, eventer
    from otel_ctxlog.pipeline import Telemetry, setup

    __version__: str

__all__ = [
    "DEBUG",
    "ERROR",
    "IGNORE",
    "INFO",
    "NONE",
    "NON_LOGGING",
    "TRACE",
    "WARN",
    "And",
    "Attribute",
    "AttributionContext",
    "BaggageEntry",
    "BaggageSource",
    "CloudWatchEventer",
    "Condition",
    "ConditionRule",
    "ConfigError",
    "ControlledRule",
    "EventError",
    "Eventer",
    "Exists",
    "Explanation",
    "First",
    "Glob",
    "KeyValue",
    "Lazy",
    "Level",
    "Limit",
    "LogEventer",
    "LogSink",
    "Logger",
    "LoggingContext",
    "Matcher",
    "MessageContextProvider",
    "MissingExtraError",
    "Name",
    "NamedEventer",
    "NopEventer",
    "Not",
    "OTelEventer",
    "OneOf",
    "Or",
    "Origin",
    "Range",
    "Realm",
    "RealmPrefix",
    "Regex",
    "ResourceAttribute",
    "Rule",
    "Sampled",
    "Source",
    "SpanAttribute",
    "SpanName",
    "SpanSource",
    "Tag",
    "TeeEventer",
    "Telemetry",
    "UnboundLogger",
    "VLogger",
    "Verdict",
    "default_context",
    "define_realm",
    "define_tag",
    "eventer",
    "level_name",
    "log",
    "marshal",
    "package_realm",
    "parse_level",
    "realm_definitions",
    "set_default_context",
    "setup",
    "tag_definitions",
]

if not TYPE_CHECKING:  # type checkers know all names, and have to refuse others
    _LAZY = {
        "CloudWatchEventer": "otel_ctxlog.events.cloudwatch",
        "ControlledRule": "otel_ctxlog.engine.controls",
        "Explanation": "otel_ctxlog.engine.explain",
        "First": "otel_ctxlog.engine.controls",
        "Limit": "otel_ctxlog.engine.controls",
        "LogEventer": "otel_ctxlog.events.log",
        "NamedEventer": "otel_ctxlog.loggers.named_eventers",
        "NopEventer": "otel_ctxlog.events.nop",
        "OTelEventer": "otel_ctxlog.events.otel",
        "TeeEventer": "otel_ctxlog.events.tee",
        "Telemetry": "otel_ctxlog.pipeline",
        "eventer": "otel_ctxlog.loggers.named_eventers",
        "marshal": "otel_ctxlog.events.contract",
        "setup": "otel_ctxlog.pipeline",
    }

    def __getattr__(name):  # noqa: ANN001, ANN202
        """Load what needs the SDK, or few need, when it is first used; the version from the package's metadata."""
        if name in _LAZY:
            from importlib import import_module

            value = getattr(import_module(_LAZY[name]), name)
            globals()[name] = value
            return value
        if name == "__version__":
            from importlib.metadata import version

            return version("otel-ctxlog")
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
