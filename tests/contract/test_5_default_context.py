"""Section 5 of the contract: the default context and `cl.log`, each test in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import FreshProcess

SINK = """
    import gc
    import otel_ctxlog as cl

    class Sink:
        def __init__(self):
            self.bodies = []
        def enabled(self, level):
            return True
        def emit(self, *, body, **_):
            self.bodies.append(body)

    sink = Sink()
    """


def test_the_default_context_is_one_stable_object(fresh_process: FreshProcess) -> None:
    """`default_context()` is one stable object, whatever it stands for; it is a `LoggingContext`."""
    printed = fresh_process(
        SINK
        + """
    default = cl.default_context()
    assert isinstance(default, cl.LoggingContext)
    assert default is cl.default_context()
    cl.set_default_context(cl.LoggingContext(sink))
    assert default is cl.default_context()
    cl.set_default_context(cl.LoggingContext(sink).with_context(cl.Tag("t")))
    assert default is cl.default_context()
    print("stable")
    """
    )

    assert printed == "stable"


def test_the_default_context_stands_for_what_was_set(fresh_process: FreshProcess) -> None:
    """`set_default_context(ctx)` changes what it stands for: settings, rules, target, messages, both ways."""
    printed = fresh_process(
        SINK
        + """
    default = cl.default_context()
    ctx = cl.LoggingContext(sink).with_context(cl.Tag("t"))
    rule = cl.ConditionRule(7, cl.Tag("u"))
    ctx.add_rule(rule)
    ctx.default_level = cl.DEBUG
    cl.set_default_context(ctx)

    assert default.default_level == cl.DEBUG
    assert default.rules == (rule,)
    assert default.message_context == (cl.Tag("t"),)
    assert default.explain(cl.Tag("u")).level == 7
    assert default.match(cl.Tag("t"))
    default.logger().debug("through the default")

    default.default_level = cl.ERROR
    default.add_rule(cl.ConditionRule(8))
    assert ctx.default_level == cl.ERROR
    assert len(ctx.rules) == 2
    other = Sink()
    default.set_target(other)
    ctx.logger().error("to the other")
    print(sink.bodies, other.bodies)
    """
    )

    assert printed == "['through the default'] ['to the other']"


def test_set_default_context_returns_the_previous(fresh_process: FreshProcess) -> None:
    """`set_default_context(ctx)` returns the previous one, so that it can be set back."""
    printed = fresh_process(
        SINK
        + """
    default = cl.default_context()
    default.default_level = cl.WARN
    ctx = cl.LoggingContext(sink)
    ctx.default_level = cl.TRACE
    first = cl.set_default_context(ctx)
    assert default.default_level == cl.TRACE
    assert first is not default
    assert first.default_level == cl.WARN
    assert cl.set_default_context(first) is ctx
    assert default.default_level == cl.WARN
    assert cl.set_default_context(ctx) is first
    print("previous")
    """
    )

    assert printed == "previous"


def test_everything_made_of_the_default_context_follows(fresh_process: FreshProcess) -> None:
    """It always stands for the default context: unbound loggers, nested contexts and sinks made before follow."""
    printed = fresh_process(
        SINK
        + """
    default = cl.default_context()
    unbound = default.unbound_logger(cl.Tag("u"))
    attribution = default.attribution(cl.Tag("u")).with_name("n")
    nested = default.with_context(cl.Tag("nested"))
    nested_unbound = nested.unbound_logger()
    generations = [default.generation, nested.generation]

    old = cl.LoggingContext(Sink())
    for i in range(50):
        old.default_level = i % 2
    previous = cl.set_default_context(old)
    generations += [default.generation, nested.generation]
    for i in range(50):
        old.default_level = i % 2
    generations += [default.generation, nested.generation]

    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(7, cl.Tag("u")), cl.ConditionRule(8, cl.Tag("nested")))
    cl.set_default_context(ctx)
    generations += [default.generation, nested.generation]
    cl.set_default_context(old)
    generations += [default.generation, nested.generation]
    cl.set_default_context(ctx)
    generations += [default.generation, nested.generation]

    unbound.log(7, "unbound")
    unbound.log(8, "too fine")
    attribution.logger().log(7, "attribution")
    nested.logger().log(8, "nested")
    nested_unbound.log(8, "nested unbound")
    print(sink.bodies)
    print(generations[::2] == sorted(set(generations[::2])), generations[1::2] == sorted(set(generations[1::2])))
    """
    )

    assert printed.splitlines() == ["['unbound', 'attribution', 'nested', 'nested unbound']", "True True"]


def test_log_is_an_unbound_logger_of_the_default_context(fresh_process: FreshProcess) -> None:
    """`cl.log(*messages)` is an unbound logger of it: made at module level, it obeys rules configured later."""
    printed = fresh_process(
        SINK
        + """
    import library
    assert isinstance(cl.log(), cl.UnboundLogger)
    assert isinstance(cl.log(cl.Realm("r"), "m"), cl.UnboundLogger)
    assert cl.log(cl.Realm("r"), "m").message_context == (cl.Realm("r"), cl.Attribute("message", "m"))
    library.work("1")
    cl.default_context().set_target(sink)
    library.work("2")
    cl.default_context().add_rule(cl.ConditionRule(cl.DEBUG, cl.Realm("library")))
    library.work("3")
    cl.default_context().reset_rules()
    library.work("4")
    ctx = cl.LoggingContext(sink)
    ctx.add_rule(cl.ConditionRule(cl.DEBUG))
    cl.set_default_context(ctx)
    library.work("5")
    print(sink.bodies)
    """,
        files={
            "library.py": """
            import otel_ctxlog as cl
            log = cl.log(cl.package_realm())
            def work(text):
                log.debug(text)
            """
        },
    )

    assert printed == "['3', '5']"


def test_a_context_below_the_default_one_may_become_the_default(fresh_process: FreshProcess) -> None:
    """`set_default_context(default_context())`, or of a context nested in it, makes no endless circle."""
    printed = fresh_process(
        SINK
        + """
    default = cl.default_context()
    default.set_target(sink)

    def attempt(make):
        try:
            cl.set_default_context(make())
        except ValueError:
            pass
        default.logger().info("still logging")
        cl.log(cl.Tag("t")).info("still logging")
        default.default_level, default.generation, default.message_context, default.explain()

    attempt(lambda: default)
    attempt(lambda: default.with_context(cl.Tag("nested")))
    attempt(lambda: cl.LoggingContext(sink, base=default.with_context(cl.Tag("nested"))))
    print(len(sink.bodies))
    """,
        timeout=30,
    )

    assert printed == "6"


def test_importing_sets_no_global_provider(fresh_process: FreshProcess) -> None:
    """The default context is there without a provider: nothing global is set, and a log call does no harm."""
    printed = fresh_process(
        """
    import sys
    import otel_ctxlog as cl
    cl.log(cl.Realm("r")).error("nobody hears it", a=1)
    cl.default_context().logger().info("nor this")
    from opentelemetry import _logs
    print(type(_logs.get_logger_provider()).__name__, "opentelemetry.sdk._logs" in sys.modules)
    """
    )

    assert printed == "ProxyLoggerProvider False"
