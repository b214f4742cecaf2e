"""`otel-ctxlog explain`: which rule of a configuration decides about a record, and why the others do not."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from otel_ctxlog.cli.service import add_import, import_modules, standard_input, writing

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from opentelemetry.context import Context

    from otel_ctxlog.config.plan import Plan
    from otel_ctxlog.engine.explain import Explanation
    from otel_ctxlog.engine.protocols import Rule
    from otel_ctxlog.loggers.context import LoggingContext

_DESCRIPTION = """\
Say what a configuration decides about a record that is described by options: the level, the rule that it is from with
its file and line, and for each rule asked before what kept it from matching.
"""
_EPILOG = """\
VALUE is a text; for attributes, and those of spans and resources, also a number, true, false or null, and a text that
looks like one of these stands in double quotes: --attribute 'id="007"'. Baggage has nothing but texts.
exit codes: 0: a record at --level is on, or no --level was given; 1: it is off; 2: the configuration is wrong.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    """Add the command to a parser."""
    parser = commands.add_parser(
        "explain",
        help="say which rule decides about a record, and why",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("config", nargs="?", metavar="CONFIG", help="YAML file; - is standard input")
    parser.add_argument("--rules", metavar="TEXT", help="one-line rules; with CONFIG, those of it are asked later")
    record = parser.add_argument_group("the record")
    record.add_argument("--level", metavar="LEVEL", help="error, warn, info, debug, trace or a number: is it on?")
    record.add_argument("--realm", action="append", default=[], metavar="NAME", help="realm; the last one counts")
    for option, what in (("tag", "tag"), ("attribute", "attribute, like the eventType of an event")):
        metavar = "NAME" if option == "tag" else "NAME=VALUE"
        record.add_argument(f"--{option}", action="append", default=[], metavar=metavar, help=f"{what}; repeatable")
    around = parser.add_argument_group("where it is made")
    around.add_argument("--baggage", action="append", default=[], metavar="NAME=VALUE", help="entry; repeatable")
    around.add_argument("--span", action="append", default=[], metavar="NAME=VALUE", help="span attribute; repeatable")
    around.add_argument("--span-name", metavar="NAME", help="name of the current span")
    sampled = around.add_mutually_exclusive_group()
    sampled.add_argument("--sampled", action="store_true", default=None, help="there is a span, and it is sampled")
    sampled.add_argument(
        "--not-sampled", dest="sampled", action="store_false", help="the span is not sampled: it has no attributes"
    )
    around.add_argument(
        "--resource", action="append", default=[], metavar="NAME=VALUE", help="resource attribute; repeatable"
    )
    add_import(parser, "to know its own types")
    parser.set_defaults(run=run, error=parser.error)


@writing
def run(arguments: argparse.Namespace) -> int:
    """Explain; the exit code."""
    if arguments.config is None and arguments.rules is None:
        return _misused(arguments, "there is nothing to explain: name a CONFIG, or give --rules")
    problem = import_modules(arguments.modules)
    if problem is not None:
        return _failed(problem)
    from otel_ctxlog.engine.levels import level_name
    from otel_ctxlog.errors import ConfigError

    try:
        level = None if arguments.level is None else _level(arguments.level)
        messages = _messages(arguments)
        with _sdk_as_it_is():
            context = _otel_context(arguments)
            logging, texts = _configured(arguments)
    except ConfigError as wrong:
        return _failed(str(wrong))
    except ValueError as wrong:
        return _misused(arguments, str(wrong))
    explanation = _explained(logging, messages, context)
    if arguments.sampled is False and (arguments.span or arguments.span_name is not None):
        print("note: a span that is not sampled has neither attributes nor a name: --span and --span-name say nothing")
    on = level is None or 0 < level <= explanation.level
    answer = "" if level is None else f"{level_name(level)} is {'on' if on else 'off'}: "
    _show(explanation, answer, texts)
    return 0 if on else 1


@contextmanager
def _sdk_as_it_is() -> Generator[None]:
    """While entered, the shell's variables OTEL_* do not sample, limit or disable: the options say what there is."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OTEL_")}
    try:
        yield
    finally:
        os.environ.update(kept)


def _misused(arguments: argparse.Namespace, problem: str) -> int:
    error: Any = arguments.error
    error(problem)
    return 2


def _failed(problem: str) -> int:
    print(f"otel-ctxlog explain: {problem}", file=sys.stderr)
    return 2


def _configured(arguments: argparse.Namespace) -> tuple[LoggingContext, dict[int, str]]:
    """The context with all rules, and the one-line texts of the rules by their identity."""
    from pathlib import Path

    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    from otel_ctxlog.config.document import read_document
    from otel_ctxlog.config.one_line import rules_plan
    from otel_ctxlog.config.registry import default_registry
    from otel_ctxlog.engine.origin import Origin
    from otel_ctxlog.loggers.context import LoggingContext

    resource: dict[str, Any] = dict(_pairs(arguments.resource, "--resource"))
    provider = LoggerProvider(Resource(resource), shutdown_on_exit=False)
    # Without a processor a provider wants no records.
    provider.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogRecordExporter()))
    context = LoggingContext(provider)
    plans: list[Plan] = []
    if arguments.config is not None:
        source = standard_input() if arguments.config == "-" else Path(arguments.config)
        plans.append(default_registry().plan(read_document(source)))
    if arguments.rules is not None:
        plans.append(rules_plan(arguments.rules, name="--rules", origin=Origin("text", "--rules")))
    texts: dict[int, str] = {}
    for plan in plans:
        # Not `apply_to`: the eventers of a configuration are not needed here, and may want a service.
        context.apply(rules=plan.rules, default_level=plan.default_level, origins=plan.known_origins())
        texts.update(_texts(plan))
    return context, texts


def _texts(plan: Plan) -> dict[int, str]:
    from otel_ctxlog.config.line_writer import write_rule
    from otel_ctxlog.config.places import Marks, Origin, Place
    from otel_ctxlog.errors import ConfigError

    texts: dict[int, str] = {}
    for rule, data in zip(plan.rules, plan.config.rules, strict=True):
        try:
            texts[id(rule)] = write_rule(data, Place(Marks(Origin())))
        except ConfigError:
            # Its own words have to do: one line cannot say it.
            texts[id(rule)] = repr(rule)
    return texts


def _level(text: str) -> int:
    from otel_ctxlog.config.places import Marks, Origin, Place
    from otel_ctxlog.config.specs import level_of
    from otel_ctxlog.errors import ConfigError

    try:
        return level_of(text, Place(Marks(Origin())))
    except ConfigError as error:
        raise ValueError(f"argument --level: {error.problem}") from None


def _messages(arguments: argparse.Namespace) -> list[object]:
    from otel_ctxlog.engine.messages import Attribute, Realm, Tag

    attributes = [Attribute(name, value) for name, value in _pairs(arguments.attribute, "--attribute")]
    return [*map(Realm, arguments.realm), *map(Tag, arguments.tag), *attributes]


def _otel_context(arguments: argparse.Namespace) -> Context:
    """An OpenTelemetry context with the span and the baggage of the options."""
    from opentelemetry import baggage, trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    context = Context()
    for pair in arguments.baggage:
        name, _, value = _split(pair, "--baggage")
        context = baggage.set_baggage(name, value, context)
    attributes: dict[str, Any] = dict(_pairs(arguments.span, "--span"))
    if arguments.sampled is False:
        # Such a span does not record.
        unsampled = trace.SpanContext(1, 1, is_remote=False, trace_flags=trace.TraceFlags(trace.TraceFlags.DEFAULT))
        return trace.set_span_in_context(trace.NonRecordingSpan(unsampled), context)
    if arguments.sampled or attributes or arguments.span_name is not None:
        provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
        span = provider.get_tracer("otel-ctxlog").start_span(arguments.span_name or "", attributes=attributes)
        context = trace.set_span_in_context(span, context)
    return context


def _explained(logging: LoggingContext, messages: list[object], context: Context) -> Explanation:
    from opentelemetry.context import attach, detach

    token = attach(context)
    try:
        return logging.explain(*messages)
    finally:
        detach(token)
        # What ends by itself needs a thread for that.
        logging.reset_rules()


def _show(explanation: Explanation, answer: str, texts: dict[int, str]) -> None:
    from otel_ctxlog.engine.levels import level_name

    def said(rule: Rule) -> str:
        return texts.get(id(rule)) or repr(rule)

    level = level_name(explanation.level)
    if explanation.rule is None:
        print(f"{answer}level {level} by default: no rule matched")
    else:
        print(f"{answer}level {level} by the rule of {explanation.origin}")
        print(f"  {said(explanation.rule)}")
    for note in explanation.notes:
        print(f"  note: {note}")
    if not explanation.skipped:
        return
    print("Asked before, in this order:" if explanation.rule is not None else "Asked, in this order:")
    for (rule, reason), origin in zip(explanation.skipped, explanation.origins, strict=True):
        print(f"  {origin}: {said(rule)}")
        print(f"    {reason}")


def _pairs(texts: list[str], option: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for text in texts:
        name, quoted, value = _split(text, option)
        found.append((name, value if quoted else _plain(value)))
    return found


def _plain(text: str) -> object:
    from otel_ctxlog.config.line_scanner import plain_literal

    return plain_literal(text)


def _split(text: str, option: str) -> tuple[str, bool, str]:
    """Name, whether the value was in double quotes, and the value without them."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"argument {option}: expected NAME=VALUE, found {text!r}")
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return name, quoted, value[1:-1] if quoted else value
