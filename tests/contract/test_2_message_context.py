"""Section 2 of the contract: the message context, what it is made of and what of it is attached to a record."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import pytest

import otel_ctxlog as cl

from .records import RecordingSink

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord

VALUES = [cl.Realm("a/b"), cl.Tag("t"), cl.Name("n"), cl.Attribute("k", "v"), cl.Attribute("k", None)]


def _attached(sink: RecordingSink) -> dict[str, object]:
    (record,) = sink.records
    attributes = record["attributes"]
    return cast("dict[str, object]", attributes)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_message_contexts_are_immutable(value: object) -> None:
    """Message contexts are immutable: no attribute can be set, added or deleted."""
    with pytest.raises((AttributeError, TypeError)):
        value.name = "other"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises((AttributeError, TypeError)):
        value.unknown = "other"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises((AttributeError, TypeError)):
        del value.name  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_message_contexts_are_equal_by_value() -> None:
    """Message contexts are equal by value, and unequal to any other."""
    again = [cl.Realm("a/b"), cl.Tag("t"), cl.Name("n"), cl.Attribute("k", "v"), cl.Attribute("k", None)]

    assert again == VALUES
    for i, one in enumerate(VALUES):
        assert [one == other for other in again] == [i == j for j in range(len(again))]


@pytest.mark.parametrize("kind", [cl.Realm, cl.Tag, cl.Name])
def test_kinds_of_the_same_name_are_not_equal(kind: type) -> None:
    """A realm, a tag and a name of the same text are three values, and none is its text."""
    same = [other("x") == kind("x") for other in (cl.Realm, cl.Tag, cl.Name)]

    assert same.count(True) == 1
    assert kind("x") != "x"
    assert kind("x") != kind("X")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_message_contexts_are_hashable(value: object) -> None:
    """Message contexts are hashable where their values are, equal ones alike."""
    assert hash(value) == hash(copy.deepcopy(value))
    assert len({value, copy.deepcopy(value)}) == 1


def test_an_attribute_of_an_unhashable_value_is_not_hashable() -> None:
    """Hashable where the value is: not with a list or a mapping in it."""
    with pytest.raises(TypeError):
        hash(cl.Attribute("a", [1]))
    with pytest.raises(TypeError):
        hash(cl.Attribute("a", {"b": 1}))


def test_equal_numbers_give_equal_hashes() -> None:
    """Attributes that are equal have the same hash, also as 1 and 1.0."""
    assert cl.Attribute("a", 1) == cl.Attribute("a", 1.0)
    assert hash(cl.Attribute("a", 1)) == hash(cl.Attribute("a", 1.0))


@pytest.mark.parametrize("value", [*VALUES, cl.Attribute("it's", ['"', 1.5, {"a": True}])], ids=repr)
def test_the_repr_evaluates(value: object) -> None:
    """A good `repr` is the expression that makes the value."""
    names: dict[str, Any] = {name: getattr(cl, name) for name in ("Realm", "Tag", "Name", "Attribute")}

    assert eval(repr(value), {**names, "otel_ctxlog": cl, "cl": cl}) == value


def test_what_they_hold() -> None:
    """`Realm(name)`, `Tag(name)`, `Name(name)`, `Attribute(name, value)` show name and value."""
    value = ["v"]
    attribute = cl.Attribute("a", value)

    assert (cl.Realm("r").name, cl.Tag("t").name, cl.Name("n").name) == ("r", "t", "n")
    assert (attribute.name, attribute.value) == ("a", value)
    assert cl.Attribute(name="a", value=1) == cl.Attribute("a", 1)
    assert cl.Realm(name="r") == cl.Realm("r")


def test_an_empty_name_is_a_value_error() -> None:
    """An empty name is a `ValueError`."""
    with pytest.raises(ValueError):
        cl.Realm("")
    with pytest.raises(ValueError):
        cl.Tag("")
    with pytest.raises(ValueError):
        cl.Name("")
    with pytest.raises(ValueError):
        cl.Attribute("", 1)


class _Provider:
    def __init__(self, *messages: object) -> None:
        self.message_context: Sequence[object] = messages


class _OwnCondition:
    def matches(self, messages: Sequence[object]) -> bool:
        return False


class _Attacher:
    def __init__(self, **attributes: object) -> None:
        self.attributes = attributes

    def attach(self, logger: cl.Logger) -> cl.Logger:
        return logger.with_values(**self.attributes)


ARGUMENTS: list[tuple[tuple[object, ...], tuple[object, ...]]] = [
    ((), ()),
    ((None,), ()),
    (("hello",), (cl.Attribute("message", "hello"),)),
    (("",), (cl.Attribute("message", ""),)),
    ((cl.Realm("r"), cl.Tag("t"), cl.Name("n")), (cl.Realm("r"), cl.Tag("t"), cl.Name("n"))),
    (([cl.Tag("a"), cl.Tag("b")], (cl.Tag("c"),)), (cl.Tag("a"), cl.Tag("b"), cl.Tag("c"))),
    (([[], (), [None, ["x", (None, cl.Tag("t"))]]],), (cl.Attribute("message", "x"), cl.Tag("t"))),
    ((_Provider(cl.Tag("p"), ["q"]), cl.Tag("z")), (cl.Tag("p"), cl.Attribute("message", "q"), cl.Tag("z"))),
    ((_Provider(_Provider(cl.Tag("p"))),), (cl.Tag("p"),)),
    ((cl.Tag("same"), cl.Tag("same")), (cl.Tag("same"), cl.Tag("same"))),
]


@pytest.mark.parametrize(("given", "flat"), ARGUMENTS)
def test_arguments_become_a_flat_message_context(
    plain: cl.LoggingContext, given: tuple[object, ...], flat: tuple[object, ...]
) -> None:
    """An argument is a message context, a `str`, a list or tuple of them to any depth, a provider, or `None`."""
    assert plain.with_context(*given).message_context == flat
    assert plain.attribution(*given).message_context == flat
    assert plain.attribution().with_context(*given).message_context == flat
    assert tuple(plain.unbound_logger(*given).message_context) == flat


@pytest.mark.parametrize("given", [given for given, _ in ARGUMENTS])
@pytest.mark.parametrize("method", ["logger", "logger_for", "unbound_logger", "attribution", "with_context"])
def test_every_taker_shows_conditions_the_flat_message_context(
    plain: cl.LoggingContext, given: tuple[object, ...], method: str
) -> None:
    """Wherever a message context is taken, the same arguments mean the same: rules see them flat."""
    flat = dict(zip(map(id, [g for g, _ in ARGUMENTS]), [f for _, f in ARGUMENTS], strict=True))[id(given)]
    seen: list[tuple[object, ...]] = []

    class Spy:
        def matches(self, messages: Sequence[object]) -> bool:
            seen.append(tuple(messages))
            return True

    plain.add_rule(cl.ConditionRule(cl.TRACE, Spy()))
    made: Any = getattr(plain, method)(*given)
    logger: cl.Logger = made.logger() if method in {"attribution", "with_context"} else made

    assert logger.enabled(cl.TRACE)
    assert set(seen) == {flat}


def test_v_and_explain_take_a_message_context_too(plain: cl.LoggingContext) -> None:
    """Wherever a message context is taken: `v` and `explain` of a context, `logger`, `v` of an attribution."""
    plain.default_level = cl.ERROR
    plain.add_rule(cl.ConditionRule(cl.TRACE, cl.Tag("t"), cl.Attribute("message", "m")))
    messages = ["m", [None, (cl.Tag("t"),)]]

    assert plain.v(5, *messages).enabled()
    assert plain.v(5, messages).enabled()
    assert plain.explain(messages).level == cl.TRACE
    assert plain.attribution().logger(messages).enabled(5)
    assert plain.attribution().logger_for(messages).enabled(5)
    assert plain.attribution().unbound_logger(messages).enabled(5)
    assert plain.attribution().v(5, messages).enabled()
    assert not plain.v(5, cl.Tag("t")).enabled()


def test_lists_nest_to_any_depth(plain: cl.LoggingContext) -> None:
    """A list or tuple of them to any depth: deeper than the interpreter can recurse."""
    deep: object = cl.Tag("deep")
    for i in range(20_000):
        deep = [deep] if i % 2 else (deep,)

    assert plain.with_context(deep).message_context == (cl.Tag("deep"),)


def test_a_provider_brings_its_whole_message_context(plain: cl.LoggingContext) -> None:
    """A provider brings its whole message context, inherited part included."""
    other = cl.LoggingContext(RecordingSink(), sources=()).with_context(cl.Realm("r"))
    nested = other.with_context(cl.Tag("a"))
    attribution = nested.attribution(cl.Attribute("b", 1)).with_context("c")
    unbound = attribution.unbound_logger(cl.Tag("d"))
    whole = (cl.Realm("r"), cl.Tag("a"), cl.Attribute("b", 1), cl.Attribute("message", "c"), cl.Tag("d"))

    assert plain.with_context(other).message_context == whole[:1]
    assert plain.with_context(nested).message_context == whole[:2]
    assert plain.with_context(attribution).message_context == whole[:4]
    assert plain.with_context(unbound).message_context == whole
    assert plain.with_context(cl.Tag("0"), [unbound], cl.Tag("9")).message_context == (
        cl.Tag("0"),
        *whole,
        cl.Tag("9"),
    )


def test_a_provider_brings_no_rules_and_no_target(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """A context given as message brings its message context, nothing else."""
    elsewhere = RecordingSink()
    other = cl.LoggingContext(elsewhere, sources=()).with_context(cl.Attribute("from", "other"))
    other.default_level = cl.TRACE
    other.add_rule(cl.ConditionRule(cl.TRACE))

    logger = plain.logger(other)
    logger.info("m")

    assert not logger.enabled(cl.DEBUG)
    assert elsewhere.records == []
    assert _attached(sink) == {"from": "other"}


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_an_own_object_with_attach_shapes_the_logger(
    plain: cl.LoggingContext, sink: RecordingSink, made_by: str
) -> None:
    """An own object that has `attach(logger) -> logger` may be an argument, in a list too."""
    logger = getattr(plain, made_by)(_Attacher(a=1), [(_Attacher(b=2),)])

    logger.info("m")

    assert _attached(sink) == {"a": 1, "b": 2}


def test_attach_works_through_every_kind_of_context(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """An own attacher in an outer context shapes the loggers made below it."""
    plain.with_context(_Attacher(a=1)).attribution(_Attacher(b=2)).logger(_Attacher(c=3)).info("m")

    assert _attached(sink) == {"a": 1, "b": 2, "c": 3}


def test_attach_may_name_the_logger(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """What `attach` returns is the logger: it may be one with another name."""

    class Namer:
        def attach(self, logger: cl.Logger) -> cl.Logger:
            return logger.with_name("named")

    plain.logger(cl.Name("outer"), Namer()).info("m")

    assert [record["name"] for record in sink.records] == ["outer.named"]


def test_an_own_condition_is_part_of_the_message_context(
    plain: cl.LoggingContext, diagnostics: list[logging.LogRecord]
) -> None:
    """An argument may be an own object that is a condition: conditions see it, and it is no diagnostic."""
    own = _OwnCondition()

    class Sees:
        def matches(self, messages: Sequence[object]) -> bool:
            return any(message is own for message in messages)

    plain.add_rule(cl.ConditionRule(cl.TRACE, Sees()))

    assert plain.logger(own).enabled(cl.TRACE)
    assert plain.logger([own]).enabled(cl.TRACE)
    assert not plain.logger().enabled(cl.TRACE)
    assert plain.with_context(own).message_context == (own,)
    assert diagnostics == []


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "with_context", "attribution"])
def test_anything_else_is_skipped_with_one_diagnostic_per_type(
    plain: cl.LoggingContext, sink: RecordingSink, diagnostics: list[logging.LogRecord], made_by: str
) -> None:
    """Anything else is skipped with one diagnostic per type."""

    class Stranger:
        pass

    class OtherStranger:
        pass

    made: list[Any] = [
        getattr(plain, made_by)(cl.Attribute("a", 1), Stranger(), [Stranger(), cl.Attribute("b", 2)]),
        getattr(plain, made_by)(Stranger()),
    ]
    assert [(record.name, record.levelname) for record in diagnostics] == [("otel_ctxlog", "ERROR")]
    assert "Stranger" in diagnostics[0].getMessage()

    getattr(plain, made_by)(OtherStranger(), Stranger())
    assert len(diagnostics) == 2
    assert "OtherStranger" in diagnostics[1].getMessage()

    logger: cl.Logger = made[0].logger() if hasattr(made[0], "logger") else made[0]
    logger.info("m")
    assert _attached(sink) == {"a": 1, "b": 2}


def test_a_stranger_whose_text_fails_is_skipped_too(
    plain: cl.LoggingContext, diagnostics: list[logging.LogRecord]
) -> None:
    """Anything else is skipped with one diagnostic, never raised: also an object that cannot be printed."""

    class Mute:
        def __repr__(self) -> str:
            msg = "no text"
            raise RuntimeError(msg)

        __str__ = __repr__

    assert plain.with_context(Mute(), Mute(), cl.Tag("t")).message_context == (cl.Tag("t"),)
    assert len(diagnostics) == 1
    assert "Mute" in diagnostics[0].getMessage()


def test_none_is_skipped_silently(plain: cl.LoggingContext, diagnostics: list[logging.LogRecord]) -> None:
    """`None` is skipped, and is no diagnostic."""
    plain.logger(None, [None]).info("m")

    assert plain.with_context(None, (None, None)).message_context == ()
    assert diagnostics == []


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_attributes_are_attached(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """An `Attribute` is attached as an attribute of the record; a later one of the name wins."""
    plain.add_rule(cl.ConditionRule(cl.INFO))

    getattr(plain, made_by)(cl.Attribute("a", 1), cl.Attribute("b", "x"), "text", cl.Attribute("a", 2)).info("m")

    assert _attached(sink) == {"a": 2, "b": "x", "message": "text"}


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger", "logger_for"])
def test_the_last_realm_is_attached(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """A `Realm` is attached as attribute `realm`, the last one wins."""
    plain.add_rule(cl.ConditionRule(cl.INFO))

    getattr(plain, made_by)(cl.Realm("first"), cl.Realm("last/one"), cl.Tag("t")).info("m")

    assert _attached(sink) == {"realm": "last/one"}
    assert sink.records[0]["realm"] == "last/one"


def test_the_innermost_realm_wins(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """The last realm wins across contexts: outer, attribution, call."""
    plain.with_context(cl.Realm("a")).attribution(cl.Realm("b")).logger(cl.Realm("c")).info("m")

    assert _attached(sink) == {"realm": "c"}


@pytest.mark.parametrize("made_by", ["logger", "unbound_logger"])
def test_names_extend_the_name_of_the_logger(plain: cl.LoggingContext, sink: RecordingSink, made_by: str) -> None:
    """`Name` extends the logger's name, joined by `.`; it is no attribute."""
    attribution = plain.with_context(cl.Name("a")).attribution(cl.Name("b"))

    getattr(attribution, made_by)(cl.Name("c"), [cl.Name("d.e")]).with_name("f").info("m")

    assert [record["name"] for record in sink.records] == ["a.b.c.d.e.f"]
    assert _attached(sink) == {}


def test_a_tag_is_never_attached(
    ctx: cl.LoggingContext, records: Callable[[], list[ReadableLogRecord]], sink: RecordingSink
) -> None:
    """`Tag` is never attached: neither as attribute nor in the name."""
    ctx.with_context(cl.Tag("outer")).logger(cl.Tag("secret")).info("m")

    (record,) = records()
    assert not record.log_record.attributes
    assert record.instrumentation_scope is not None
    assert record.instrumentation_scope.name == "otel_ctxlog"


def test_a_realm_prefix_is_no_realm(plain: cl.LoggingContext, sink: RecordingSink) -> None:
    """`RealmPrefix` is a condition only: as a message it is attached to nothing and is no realm."""
    plain.add_rule(cl.ConditionRule(cl.TRACE, cl.Realm("a")))
    logger = plain.logger(cl.RealmPrefix("a"))

    logger.info("m")

    assert not logger.enabled(cl.TRACE)
    assert _attached(sink) == {}
    assert sink.records[0]["realm"] is None
