"""Configuration of logging contexts: YAML, mappings, or plain data made with the builders.

Importing this package needs PyYAML; importing `otel_ctxlog` does not import it.
"""

from __future__ import annotations

from otel_ctxlog.config.builders import (
    and_,
    attribute,
    baggage,
    controlled,
    eventer,
    exists,
    glob,
    not_,
    oneof,
    or_,
    range_,
    realm,
    realmprefix,
    regex,
    resource,
    rule,
    sampled,
    span,
    spanname,
    tag,
    value,
)
from otel_ctxlog.config.model import Config
from otel_ctxlog.config.one_line import configure_rules, format_rules, parse_rules
from otel_ctxlog.config.registry import Registry, configure, default_registry, load
from otel_ctxlog.config.watching import Watcher, watch
from otel_ctxlog.errors import ConfigError

__all__ = [
    "Config",
    "ConfigError",
    "Registry",
    "Watcher",
    "and_",
    "attribute",
    "baggage",
    "configure",
    "configure_rules",
    "controlled",
    "default_registry",
    "eventer",
    "exists",
    "format_rules",
    "glob",
    "load",
    "not_",
    "oneof",
    "or_",
    "parse_rules",
    "range_",
    "realm",
    "realmprefix",
    "regex",
    "resource",
    "rule",
    "sampled",
    "span",
    "spanname",
    "tag",
    "value",
    "watch",
]
