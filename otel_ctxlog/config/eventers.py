"""The named eventers of a configuration: ``eventers: {audit: {type: otlp}, usage: {type: cloudwatch, group: g}}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from otel_ctxlog.config.kinds import is_dict
from otel_ctxlog.config.specs import checked, fields, flag, items, level_of, name_of, text_of
from otel_ctxlog.config.wording import describe, listing, nearest, short
from otel_ctxlog.engine.levels import DEBUG, INFO
from otel_ctxlog.engine.messages import Attribute, Name, Realm, Tag
from otel_ctxlog.errors import MissingExtraError
from otel_ctxlog.events.cloudwatch import CloudWatchEventer, check_group, check_stream
from otel_ctxlog.events.log import LogEventer
from otel_ctxlog.events.nop import NopEventer
from otel_ctxlog.events.otel import OTelEventer
from otel_ctxlog.events.tee import TeeEventer
from otel_ctxlog.loggers.named_eventers import EventerDefinition, eventer

if TYPE_CHECKING:
    from otel_ctxlog.config.elements import Elements, ElementType
    from otel_ctxlog.config.places import Place
    from otel_ctxlog.engine.protocols import Eventer
    from otel_ctxlog.loggers.context import LoggingContext

__all__ = ["STANDARD_EVENTERS", "TYPE", "Options", "eventer_definitions"]

TYPE: Final = "type"

Options: TypeAlias = "dict[object, object]"
_Make: TypeAlias = "Callable[[LoggingContext], Eventer]"

_BODIES: Final = ("json", "none")
_MESSAGES: Final = ("name", "realm", "tags", "attributes")
_CLOSE_SECONDS: Final = 30.0
_ADDRESS: Final = re.compile(r"https?://[^/?#\s]+(/[^?#\s]*)?")


def eventer_definitions(
    data: object, place: Place, own: Mapping[str, ElementType], elements: Elements
) -> tuple[dict[str, object], dict[str, EventerDefinition]]:
    """The eventers of a document by name: as plain data, and how they are made.

    Args:
        data: the mapping under ``eventers``; None for none.
        place: where it stands.
        own: the types of the registry that are not standard.
        elements: makes elements inside their specs.

    Raises:
        ConfigError: anything is wrong.
    """
    if data is None:
        return {}, {}
    if not is_dict(data):
        raise place.error(f"found {describe(data)}; allowed: a mapping from names to eventers")
    plain: dict[str, object] = {}
    places: dict[str, Place] = {}
    for key, spec in data.items():
        name = _name(key, place.key(data, key))
        if name in plain:
            raise place.key(data, key).error(f"duplicate name {name!r}; allowed: each name once")
        plain[name] = spec
        places[name] = place.item(data, key)
    found = {name: _definition(spec, places[name], own, elements) for name, spec in plain.items()}
    if "tee" not in own:
        _check_members(plain, places)
    return plain, found


def _name(key: object, place: Place) -> str:
    return name_of(_unquoted(key), place, allowed="the name of an eventer, a non-empty text")


def _unquoted(key: object) -> object:
    """What YAML has read as a truth value, since it was not quoted: ``off`` is a likely name of an eventer."""
    return key if not isinstance(key, bool) else "on" if key else "off"


def _definition(spec: object, place: Place, own: Mapping[str, ElementType], elements: Elements) -> EventerDefinition:
    known = {**STANDARD_EVENTERS, **own}
    if not is_dict(spec):
        raise place.error(
            f"found {describe(spec)}; allowed: an eventer, a mapping with the key {TYPE!r}: {listing(known)}"
        )
    if TYPE not in spec:
        near = next((key for key in spec if nearest(key, (TYPE,))), None)
        hint = "" if near is None else f"; did you mean {TYPE!r} for {short(near)}?"
        raise place.error(f"missing key {TYPE!r}; found {describe(spec)}; allowed types: {listing(known)}{hint}")
    kind, type_place = spec[TYPE], place.item(spec, TYPE)
    if not isinstance(kind, str) or kind not in known:
        raise type_place.error(f"unknown eventer type {short(kind)}; allowed: {listing(known)}{nearest(kind, known)}")
    options: Options = {key: value for key, value in spec.items() if key != TYPE}
    # A collection without ``type`` that stands where the whole does.
    place.marks.copy_entry(spec, target=place.marks, copied=options)
    if kind in own:
        return _own(own[kind], kind, spec, options, place, elements)
    make = STANDARD_EVENTERS[kind](options, place)
    return EventerDefinition(_exact(spec), make, _close if kind == "cloudwatch" else None)


def _own(
    kind: ElementType, name: str, spec: Options, options: Options, place: Place, elements: Elements
) -> EventerDefinition:
    made = kind.build(options, place=place, elements=elements)
    if isinstance(made, type) or not callable(getattr(made, "event", None)):
        raise place.error(
            f"the factory of the eventer type {short(name)} returned {describe(made)}; "
            "allowed: an object with a method event(type, *fields, **attributes)"
        )
    return EventerDefinition(_exact(spec), lambda _context: cast("Eventer", made))


def _exact(spec: object) -> object:
    """What is equal only for specs that say the same: in Python 1, 1.0 and true are equal."""
    if is_dict(spec):
        return {key: _exact(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_exact(value) for value in cast("list[object]", spec)]
    return type(spec), spec


def _close(one: Eventer) -> None:
    if isinstance(one, CloudWatchEventer):
        one.close(_CLOSE_SECONDS)


def _otlp(options: Options, place: Place) -> _Make:
    found = fields(options, place, optional=("level", "body", "spanEvents", *_MESSAGES))
    level = level_of(found.get("level", int(INFO)), place.item(found, "level"))
    body = found.get("body", "json")
    if body not in _BODIES:
        raise place.item(found, "body").error(
            f"found {describe(body)}; allowed: {listing(_BODIES)}{nearest(body, _BODIES)}"
        )
    span_events = flag(found.get("spanEvents", False), place.item(found, "spanEvents"))
    return partial(
        OTelEventer,
        messages=_messages(found, place),
        level=level,
        body="json" if body == "json" else None,
        span_events=span_events,
    )


def _messages(found: Options, place: Place) -> tuple[object, ...]:
    messages: list[object] = []
    if "realm" in found:
        messages.append(Realm(name_of(found["realm"], place.item(found, "realm"))))
    if "name" in found:
        messages.append(Name(name_of(found["name"], place.item(found, "name"))))
    if "tags" in found:
        inside = place.item(found, "tags")
        tags = items(found["tags"], inside, of="names of tags")
        messages += [Tag(name_of(tag, inside.item(tags, index))) for index, tag in enumerate(tags)]
    if "attributes" in found:
        inside = place.item(found, "attributes")
        attributes = found["attributes"]
        if not is_dict(attributes):
            raise inside.error(f"found {describe(attributes)}; allowed: a mapping from names to values")
        for key, value in attributes.items():
            name = name_of(key, inside.key(attributes, key))
            messages.append(checked(partial(Attribute, name, value), inside.item(attributes, key)))
    return tuple(messages)


def _log(options: Options, place: Place) -> _Make:
    found = fields(options, place, optional=("level", *_MESSAGES))
    level = level_of(found.get("level", int(DEBUG)), place.item(found, "level"))
    messages = _messages(found, place)
    return lambda context: LogEventer(context.unbound_logger(*messages), level)


def _nop(options: Options, place: Place) -> _Make:
    if options:
        key = next(iter(options))
        raise place.key(options, key).error(f"unknown key {short(key)}; allowed: no option")
    return lambda _context: NopEventer()


def _tee(options: Options, place: Place) -> _Make:
    found = fields(options, place, required=("eventers",))
    inside = place.item(found, "eventers")
    listed = items(found["eventers"], inside, of="names of eventers of this configuration")
    names = [_name(name, inside.item(listed, index)) for index, name in enumerate(listed)]
    return lambda context: TeeEventer(*[eventer(name, context=context) for name in names])


def _cloudwatch(options: Options, place: Place) -> _Make:
    found = fields(options, place, required=("group",), optional=("stream", "region", "endpointUrl"))
    group_place, stream_place = place.item(found, "group"), place.item(found, "stream")
    group = text_of(found["group"], group_place, allowed="the name of a log group")
    checked(partial(check_group, group), group_place)
    stream: str | None = None
    if "stream" in found:
        stream = text_of(found["stream"], stream_place, allowed="the name of a log stream")
        checked(partial(check_stream, stream), stream_place)
    region, url = (
        name_of(found[key], place.item(found, key)) if key in found else None for key in ("region", "endpointUrl")
    )
    if url is not None and not _ADDRESS.fullmatch(url):
        raise place.item(found, "endpointUrl").error(
            f"found {describe(url)}; allowed: an address as http://localhost:4566"
        )

    def make(_context: LoggingContext) -> Eventer:
        return CloudWatchEventer(_client_maker(region, url, place), group, stream)

    return make


def _client_maker(region: str | None, url: str | None, place: Place) -> Callable[[], object]:
    """What makes a client: an own one for each process, since connections cannot be shared with a parent."""
    try:
        boto3: Any = import_module("boto3")
        config: Any = import_module("botocore.config")
    except ImportError as error:
        raise place.error(str(MissingExtraError("the eventer type 'cloudwatch'", "cloudwatch"))) from error
    if checked(lambda: boto3.session.Session(region_name=region).region_name, place) is None:
        raise place.error(
            "no region; allowed: the key 'region', the variable AWS_DEFAULT_REGION, or a profile with one"
        )

    def make() -> object:
        # Short: the eventer tries again by itself, and its end has a deadline.
        settings = config.Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 2})
        session = boto3.session.Session(region_name=region)
        return cast("object", session.client("logs", endpoint_url=url, config=settings))

    return make


def _check_members(plain: Mapping[str, object], places: Mapping[str, Place]) -> None:
    """Check that each tee passes events to eventers that there are, and none to itself."""
    members = {name: _members(spec) for name, spec in plain.items()}
    for name, listed in members.items():
        spec = cast("Options", plain[name])
        for index, member in enumerate(listed):
            place = places[name].item(spec, "eventers").item(spec.get("eventers"), index)
            if member not in plain:
                raise place.error(f"unknown eventer {short(member)}; allowed: {listing(plain)}{nearest(member, plain)}")
            if _leads_to(member, name, members):
                raise place.error(f"the eventer {name!r} would get its own events; allowed: other eventers")


def _members(spec: object) -> list[str]:
    listed = spec.get("eventers") if is_dict(spec) and spec.get(TYPE) == "tee" else None
    return [cast("str", _unquoted(name)) for name in cast("list[object]", listed or [])]


def _leads_to(start: str, goal: str, members: Mapping[str, list[str]]) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += members.get(name, ())
    return False


STANDARD_EVENTERS: Final[Mapping[str, Callable[[Options, Place], _Make]]] = MappingProxyType(
    {"otlp": _otlp, "cloudwatch": _cloudwatch, "log": _log, "nop": _nop, "tee": _tee}
)
"""The standard types of eventers: each checks the options of one, and returns what makes it for a context."""
