"""Selection and asserts: what a test asks about what was captured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from otel_ctxlog.testing.failure import Evidence
from otel_ctxlog.testing.record import CapturedRecord
from otel_ctxlog.testing.selection import ExceptionTypes, Selection, TextOrMatcher, WantedRealm, selection

__all__ = ["Asserts"]


class Asserts(ABC):
    """Finds records and asserts about them; a failure shows what was logged, and what was suppressed by which rule."""

    @abstractmethod
    def evidence(self) -> Evidence:
        """Return all that was captured."""

    def find(
        self,
        message: TextOrMatcher | None = None,
        /,
        *,
        level: int | str | None = None,
        realm: WantedRealm | None = None,
        name: TextOrMatcher | None = None,
        type: TextOrMatcher | None = None,
        exception: ExceptionTypes | None = None,
        attributes: Mapping[str, object] | None = None,
        **more: object,
    ) -> list[CapturedRecord]:
        """Return the records that are as wanted, in order; what is not given does not matter.

        Args:
            message: the body, or a matcher for it, such as ``Glob("price*")`` or ``Regex("price")``.
            level: the level, a number or a name.
            realm: the realm, a `RealmPrefix`, or a matcher for it.
            name: the logger's name, or a matcher for it.
            type: the type of the event, or a matcher for it.
            exception: a type, or a tuple of types, of which the exception is.
            attributes: attributes by name, also those whose names are parameters here.
            more: attributes: a value, a matcher, or `IGNORE` for one that must not be there. Values are equal as they
                are to rules: deep, a bool never equals a number, 1 equals 1.0.

        Raises:
            ValueError: `level` is no level.
            TypeError: an argument is of the wrong kind.
        """
        wanted = selection(
            message,
            level=level,
            realm=realm,
            name=name,
            type=type,
            exception=exception,
            attributes=attributes,
            more=more,
        )
        return self._matching(wanted)

    def one(
        self,
        message: TextOrMatcher | None = None,
        /,
        *,
        level: int | str | None = None,
        realm: WantedRealm | None = None,
        name: TextOrMatcher | None = None,
        type: TextOrMatcher | None = None,
        exception: ExceptionTypes | None = None,
        attributes: Mapping[str, object] | None = None,
        **more: object,
    ) -> CapturedRecord:
        """Return the one record that is as wanted; the arguments are those of `find`.

        Raises:
            AssertionError: there is none, or more than one; the message shows what there is, and why.
        """
        __tracebackhide__ = True
        wanted = selection(
            message,
            level=level,
            realm=realm,
            name=name,
            type=type,
            exception=exception,
            attributes=attributes,
            more=more,
        )
        return self._assert_count(wanted, 1)[0]

    # Asserts

    def assert_logged(
        self,
        message: TextOrMatcher | None = None,
        /,
        *,
        level: int | str | None = None,
        realm: WantedRealm | None = None,
        name: TextOrMatcher | None = None,
        exception: ExceptionTypes | None = None,
        attributes: Mapping[str, object] | None = None,
        times: int | None = None,
        **more: object,
    ) -> list[CapturedRecord]:
        """Return the log records that are as wanted; the arguments are those of `find`. Events do not count.

        Args:
            message: see `find`.
            level: see `find`.
            realm: see `find`.
            name: see `find`.
            exception: see `find`.
            attributes: see `find`.
            times: how many there have to be; None: at least one.
            more: see `find`.

        Raises:
            AssertionError: there are none, or not so many; the message shows what there is, and why.
        """
        __tracebackhide__ = True
        wanted = selection(
            message,
            level=level,
            realm=realm,
            name=name,
            exception=exception,
            attributes=attributes,
            more=more,
            events=False,
        )
        return self._assert_count(wanted, times)

    def assert_not_logged(
        self,
        message: TextOrMatcher | None = None,
        /,
        *,
        level: int | str | None = None,
        realm: WantedRealm | None = None,
        name: TextOrMatcher | None = None,
        exception: ExceptionTypes | None = None,
        attributes: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        """Do nothing if no log record is like this; the arguments are those of `find`. Events do not count.

        Raises:
            AssertionError: there is one; the message says which rule let it through.
        """
        __tracebackhide__ = True
        wanted = selection(
            message,
            level=level,
            realm=realm,
            name=name,
            exception=exception,
            attributes=attributes,
            more=more,
            events=False,
        )
        self._assert_count(wanted, 0)

    def assert_event(
        self,
        type: TextOrMatcher | None = None,
        /,
        *,
        level: int | str | None = None,
        realm: WantedRealm | None = None,
        attributes: Mapping[str, object] | None = None,
        times: int | None = None,
        **more: object,
    ) -> list[CapturedRecord]:
        """Return the events that are as wanted.

        Args:
            type: the type, or a matcher for it.
            level: see `find`.
            realm: see `find`.
            attributes: fields by name, also those whose names are parameters here.
            times: how many there have to be (0: none); None: at least one.
            more: fields, as attributes in `find`.

        Raises:
            AssertionError: there are none, or not so many; the message shows what there is, and why.
        """
        __tracebackhide__ = True
        wanted = selection(None, level=level, realm=realm, type=type, attributes=attributes, more=more, events=True)
        return self._assert_count(wanted, times)

    def _matching(self, wanted: Selection) -> list[CapturedRecord]:
        return [record for record, _ in self.evidence().records if wanted.matches(record)]

    def _assert_count(self, wanted: Selection, times: int | None) -> list[CapturedRecord]:
        __tracebackhide__ = True
        evidence = self.evidence()
        found = [record for record, _ in evidence.records if wanted.matches(record)]
        if len(found) == times or (found and times is None):
            return found
        expected = "a" if times is None else str(times or "no")
        if len(found) > (times or 0):
            message = evidence.unwanted(wanted, expected=expected, found=found)
        else:
            message = evidence.missing(wanted, expected=expected, found=found)
        raise AssertionError(message)
