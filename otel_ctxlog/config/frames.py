"""What a factory of an own type is working on, so that elements inside its spec keep their places."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, final

from otel_ctxlog.config.kinds import is_dict, is_list, is_set
from otel_ctxlog.config.places import Marks, Place

if TYPE_CHECKING:
    from types import TracebackType

    from otel_ctxlog.config.elements import Elements

__all__ = ["Frame", "current_frame"]

_CURRENT: ContextVar[Frame | None] = ContextVar("otel_ctxlog_config_frame", default=None)


@final
class Frame:
    """One call of a factory: its spec, a copy that it may keep or change, and the places of all parts of it."""

    __slots__ = ("_places", "_token", "elements", "place", "spec")

    def __init__(self, spec: object, place: Place) -> None:
        self.place = place
        # What the factory has made so far, so that aliases of one element share one object here, too.
        self.elements: Elements | None = None
        self._places: dict[int, tuple[object, Place]] = {}
        self._token: Token[Frame | None] | None = None
        marks = Marks(place.marks.origin)
        self.spec = self._copy(spec, source=place, target=Place(marks, place.path, place.mark), done={})

    def __enter__(self) -> Frame:
        self._token = _CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)

    def place_of(self, part: object) -> Place | None:
        """The place of a collection in the spec; None for anything else."""
        found = self._places.get(id(part))
        return None if found is None else found[1]

    def _copy(self, data: object, *, source: Place, target: Place, done: dict[int, object]) -> object:
        if not (is_dict(data) or is_list(data) or is_set(data)):
            return data
        if id(data) in done:
            return done[id(data)]
        copied: object
        if is_dict(data):
            copied = {key: self._copy_item(value, data, key, (source, target), done) for key, value in data.items()}
        elif is_list(data):
            sequence = enumerate(data)
            copied = [self._copy_item(value, data, index, (source, target), done) for index, value in sequence]
        else:
            copied = set(data)
        done[id(data)] = copied
        source.marks.copy_entry(data, target=target.marks, copied=copied)
        self._places[id(copied)] = (copied, target)
        return copied

    def _copy_item(
        self, value: object, container: object, key: object, places: tuple[Place, Place], done: dict[int, object]
    ) -> object:
        source = places[0].item(container, key)
        return self._copy(value, source=source, target=Place(places[1].marks, source.path, source.mark), done=done)


def current_frame() -> Frame | None:
    """The call of a factory that is going on here, None outside."""
    return _CURRENT.get()
