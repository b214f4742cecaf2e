"""`Registry`: the types of rules, conditions and values that a configuration can use."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from otel_ctxlog.config.document import ConfigSource, Document, ElementSource, read_document
from otel_ctxlog.config.elements import Elements, ElementType, Kind
from otel_ctxlog.config.eventers import STANDARD_EVENTERS
from otel_ctxlog.config.frames import Frame, current_frame
from otel_ctxlog.config.plan import Configurable, Plan, make_plan
from otel_ctxlog.config.standard_types import STANDARD_TYPES
from otel_ctxlog.config.wording import short, tidy
from otel_ctxlog.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_ctxlog.config.model import Config
    from otel_ctxlog.config.places import Place
    from otel_ctxlog.engine.protocols import Condition, Eventer, Rule

__all__ = [
    "ConditionFactory",
    "EventerFactory",
    "Registry",
    "RuleFactory",
    "ValueFactory",
    "configure",
    "default_registry",
    "load",
]

RuleFactory: TypeAlias = "Callable[[object, Registry], Rule]"
ConditionFactory: TypeAlias = "Callable[[object, Registry], Condition]"
ValueFactory: TypeAlias = "Callable[[object, Registry], object]"
EventerFactory: TypeAlias = "Callable[[object, Registry], Eventer]"


@dataclass(frozen=True, slots=True)
class _OwnType:
    """A type with a factory of the user."""

    name: str
    factory: Callable[[object, Registry], object]
    registry: Registry

    def build(self, spec: object, *, place: Place, elements: Elements) -> object:  # noqa: ARG002 - the protocol
        frame = Frame(spec, place)
        try:
            with frame:
                return self.factory(frame.spec, self.registry)
        except ConfigError as error:
            if place.has_issued(error):
                raise
            raise place.error(tidy(str(error))) from error
        except Exception as error:  # whatever a factory raises is an error of the configuration
            raise place.error(
                f"the factory of the type {short(self.name)} failed: {type(error).__name__}: {tidy(str(error))}"
            ) from error


class Registry:
    """The types of rules, conditions and values by name; a new one holds the standard types.

    Safe from many threads.
    """

    __slots__ = ("_eventer_types", "_lock", "_types")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Never changed in place: who reads a table keeps a whole one.
        self._types: dict[Kind, dict[str, ElementType]] = {kind: dict(types) for kind, types in STANDARD_TYPES.items()}
        self._eventer_types: dict[str, ElementType] = {}

    def __repr__(self) -> str:
        """The names of the types that are not standard."""
        own = {name for types in self._types.values() for name, known in types.items() if isinstance(known, _OwnType)}
        own |= set(self._eventer_types)
        return f"<Registry with own types: {', '.join(sorted(own)) or 'none'}>"

    def register_rule_type(self, name: str, factory: RuleFactory) -> None:
        """Add the rule type `name`, a reverse DNS name like ``com.acme.office-hours``; a known one is replaced.

        Args:
            name: the key of elements of this type. One without a dot is a `UserWarning`: such names, and the standard
                types, belong to this library.
            factory: makes the rule of ``(spec, registry)``: the plain data under the key, for it alone to keep or
                change, and this registry, for elements inside. Whatever it raises is a `ConfigError` of that place.

        Raises:
            TypeError: `name` is no text or `factory` not callable.
            ValueError: `name` is empty.
        """
        self._register(Kind.RULE, name, factory)

    def register_condition_type(self, name: str, factory: ConditionFactory) -> None:
        """Add the condition type `name`; see `register_rule_type`."""
        self._register(Kind.CONDITION, name, factory)

    def register_value_type(self, name: str, factory: ValueFactory) -> None:
        """Add the value type `name`, for a plain value or a matcher; see `register_rule_type`."""
        self._register(Kind.VALUE, name, factory)

    def register_eventer_type(self, name: str, factory: EventerFactory) -> None:
        """Add the eventer type `name`; see `register_rule_type`.

        Args:
            name: the value of the key ``type`` of eventers of this type.
            factory: makes the eventer of ``(options, registry)``: what stands beside ``type``. It is called whenever a
                configuration with such an eventer is loaded or applied, and what it makes may not be needed: it should
                begin nothing before its first event. An eventer that a later configuration replaces is closed: its
                ``close()`` is called, if it has one.
        """
        _check_own(name, factory, "eventer", standard=name in STANDARD_EVENTERS)
        with self._lock:
            self._eventer_types = {**self._eventer_types, name: _OwnType(name, factory, self)}

    def create_rule(self, source: ElementSource) -> Rule:
        """The rule of one element, given as YAML text or as a mapping: ``{"rule": {"level": "Debug"}}``.

        Raises:
            ConfigError: anything is wrong with it.
        """
        document, elements = self._document(source)
        return elements.rule(document.data, document.place)

    def create_condition(self, source: ElementSource) -> Condition:
        """The condition of one element, given as YAML text or as a mapping: ``{"tag": "slow"}``.

        A factory calls it for conditions in its spec; errors in them then name their own place.

        Raises:
            ConfigError: anything is wrong with it.
        """
        document, elements = self._document(source)
        return elements.condition(document.data, document.place)

    def create_value(self, source: ElementSource) -> object:
        """The plain value or matcher of one element, given as YAML text or as a mapping: ``{"glob": "a*"}``.

        Raises:
            ConfigError: anything is wrong with it.
        """
        document, elements = self._document(source)
        return elements.value(document.data, document.place)

    def configure(self, context: Configurable, source: ConfigSource) -> None:
        """Add the rules of `source` to the context and set its default level, all or nothing.

        Raises:
            ConfigError: anything is wrong; the context is unchanged.
        """
        self._plan(source).apply_to(context)

    def load(self, source: ConfigSource) -> Config:
        """The plain data of `source`, checked by making all its rules.

        Raises:
            ConfigError: anything is wrong.
        """
        return self._plan(source).config

    def copy(self) -> Registry:
        """A registry with the same types, independent of this one from now on."""
        copied = Registry()
        copied._types = {
            kind: {
                name: _OwnType(name, known.factory, copied) if isinstance(known, _OwnType) else known
                for name, known in types.items()
            }
            for kind, types in self._types.items()
        }
        copied._eventer_types = {
            name: _OwnType(name, known.factory, copied) if isinstance(known, _OwnType) else known
            for name, known in self._eventer_types.items()
        }
        return copied

    def _register(self, kind: Kind, name: str, factory: Callable[[object, Registry], object]) -> None:
        _check_own(name, factory, kind.value, standard=name in STANDARD_TYPES[kind])
        with self._lock:
            self._types = {**self._types, kind: {**self._types[kind], name: _OwnType(name, factory, self)}}

    def _document(self, source: object) -> tuple[Document, Elements]:
        """The data of an element; one that is part of the spec of the factory at work keeps its place."""
        frame = current_frame()
        place = None if frame is None else frame.place_of(source)
        if frame is None or place is None:
            return read_document(source), Elements(self._types)
        if frame.elements is None or frame.elements.types is not self._types:
            frame.elements = Elements(self._types)
        return Document(source, place), frame.elements

    def plan(self, document: Document) -> Plan:
        """What a document does, all its rules made of the types of this registry; for what reads documents itself.

        Raises:
            ConfigError: anything is wrong.
        """
        return make_plan(document, self.elements(), self._eventer_types)

    def elements(self) -> Elements:
        """What makes the rules of one document; for what reads documents itself."""
        return Elements(self._types)

    def _plan(self, source: object) -> Plan:
        return self.plan(read_document(source))


_DEFAULT = Registry()


def default_registry() -> Registry:
    """The registry that `configure` and `load` use if they are given none; the same object always."""
    return _DEFAULT


def configure(context: Configurable, source: ConfigSource, registry: Registry | None = None) -> None:
    """Add the rules of `source` to the context, in its order, and set its default level, all or nothing.

    Args:
        context: the logging context; its own rules stay, the last rule of `source` is asked first.
        source: YAML as text or bytes (never a file name), a mapping, a `pathlib.Path`, or a `Config`. An empty one
            changes nothing.
        registry: the types it can use; default: `default_registry()`.

    Raises:
        ConfigError: anything is wrong; the context is unchanged, its generation too.
    """
    (registry or _DEFAULT).configure(context, source)


def load(source: ConfigSource, registry: Registry | None = None) -> Config:
    """The plain data of `source`, checked by making all its rules; the arguments are those of `configure`.

    Raises:
        ConfigError: anything is wrong.
    """
    return (registry or _DEFAULT).load(source)


def _check_own(name: object, factory: object, kind: str, *, standard: bool) -> None:
    """Check an own type; called by what its user calls, or by what that calls."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a type must be a text, but got {short(name)}")
    if not name:
        raise ValueError("the name of a type must not be empty, but got ''")
    if not callable(factory):
        raise TypeError(f"a factory must be callable with (spec, registry), but got {short(factory)}")
    if "." not in name:
        replaces = "; it replaces the standard one" if standard else ""
        warnings.warn(
            f"the {kind} type {name!r} has no dot: such names are reserved for otel_ctxlog, own types should "
            f"have a reverse DNS name like 'com.acme.{name}'{replaces}",
            UserWarning,
            stacklevel=4 if kind != "eventer" else 3,
        )
