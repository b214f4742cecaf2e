"""What the endpoint answers, one method for each operation of its description."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from time import time
from typing import TYPE_CHECKING, Final, cast

from otel_ctxlog.admin.body import Fields, query_of
from otel_ctxlog.admin.changes import Changes
from otel_ctxlog.admin.composing import RULE_FIELDS, compose, controls_of
from otel_ctxlog.admin.configuration import configuration_json, configuration_yaml
from otel_ctxlog.admin.exchange import Json, Problem, Request, Response, json_response
from otel_ctxlog.admin.explaining import EXPLAIN_FIELDS, explain, level_of_field
from otel_ctxlog.admin.preview import grouped, would_match
from otel_ctxlog.admin.rule_data import RuleTexts, Texts, iso, level_of_rule
from otel_ctxlog.admin.rule_view import counts, level_json, matching, origin_json, rule_json
from otel_ctxlog.engine.catalogue import realm_definitions, tag_definitions
from otel_ctxlog.loggers.audit import AuditEntry
from otel_ctxlog.loggers.context import core_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_ctxlog.admin.seen import Seen
    from otel_ctxlog.admin.settings import Settings
    from otel_ctxlog.admin.tap import Tap
    from otel_ctxlog.admin.tapping import Tapping

__all__ = ["Answers"]

_MOST_RULES: Final = 5_000
_MOST_COUNTED: Final = 20_000
_MOST_ROWS: Final = 1_000
_LONGEST_REASON: Final = 500
_LONGEST_TEXT: Final = 2_000
_LARGEST: Final = 10**15 - 1
_AUDIT: Final = "otel_ctxlog.audit"
_YAML: Final = "application/yaml"


class Answers:
    """Answers about one context.

    Args:
        settings: what holds for the endpoint.
        tap: the recent records.
        tapping: keeps the tap where the context logs to.
    """

    def __init__(self, settings: Settings, tap: Tap, tapping: Tapping) -> None:
        self._settings = settings
        self._context = settings.context
        self._tap = tap
        self._tapping = tapping
        self._texts = RuleTexts()
        self._changes = Changes(settings.context, settings.max_expiry)
        self._started = time()

    def renew_lock(self) -> None:
        """Replace the lock, in a forked child."""
        self._changes.renew_lock()

    def about(self, request: Request, actor: str) -> Response:
        """Answer whose endpoint this is, and to whom it speaks."""
        query_of(request, ())
        resource = self._resource()
        return json_response(
            {
                "actor": actor,
                "service": _text_of(resource.get("service.name")),
                "instance": _text_of(resource.get("service.instance.id")),
                "process": os.getpid(),
                "version": _version(),
                "started": iso(self._started),
                "maxExpiry": self._settings.max_expiry,
                "seesRecords": self._tapping.follow(),
            }
        )

    # Rules

    def rules(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the rules in the order asked."""
        query = query_of(request, ("limit", "offset", "search"))
        limit = query.number("limit", most=_MOST_RULES, default=500)
        offset = query.number("offset", most=10_000_000, default=0)
        statistics = self._context.statistics()
        found = matching(statistics, query.text("search", longest=500), self._texts)
        return json_response(
            {
                "defaultLevel": level_json(statistics.default_level),
                "generation": statistics.generation,
                "total": len(found),
                "rules": [rule_json(rule, at, self._texts) for at, rule in found[offset : offset + limit]],
            }
        )

    def rule(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer one rule."""
        query_of(request, ())
        position, rule = self._changes.rule(_number_in(request))
        return json_response(rule_json(rule, position, self._texts))

    def add_rule(self, request: Request, actor: str) -> Response:
        """Add a rule that ends."""
        query_of(request, ())
        fields = Fields.of(request, (*RULE_FIELDS, "reason"))
        reason = _reason(fields.text("reason", longest=_LONGEST_REASON))
        rule = compose(fields, self._settings.registry)
        made, replaced = self._changes.add(rule, actor=actor, reason=reason)
        position = next((at for at, one in enumerate(self._context.statistics().rules) if one.id == made.id), 0)
        content: Json = {"rule": rule_json(made, position, self._texts), "replaced": cast("list[Json]", replaced)}
        return json_response(content, status=201, headers={"Location": f"rules/{made.id}"})

    def remove_rule(self, request: Request, actor: str) -> Response:
        """Remove a rule."""
        query = query_of(request, ("confirm", "reason"))
        confirmed = query.choice("confirm", ("false", "true")) == "true"
        reason = _reason(query.text("reason", longest=_LONGEST_REASON))
        number = _number_in(request)
        position, _ = self._changes.rule(number)
        removed = self._changes.remove(number, actor=actor, reason=reason, confirmed=confirmed)
        return json_response({"removed": rule_json(removed, position, self._texts)})

    # Levels, configuration, counts

    def default_level(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the default level."""
        query_of(request, ())
        return json_response(level_json(self._context.default_level))

    def set_default_level(self, request: Request, actor: str) -> Response:
        """Set the default level."""
        query_of(request, ())
        fields = Fields.of(request, ("level", "reason"))
        if "level" not in fields:
            raise Problem(422, "level is missing; allowed: a level, or null for the inherited one", found="nothing")
        reason = _reason(fields.text("reason", longest=_LONGEST_REASON))
        self._changes.set_default_level(level_of_field(fields, "level", may_be_null=True), actor=actor, reason=reason)
        return json_response(level_json(self._context.default_level))

    def configuration(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the effective configuration."""
        if query_of(request, ("format",)).choice("format", ("json", "yaml")) == "yaml":
            text, _ = configuration_yaml(self._context)
            return Response(status=200, headers={"Content-Type": _YAML}, body=text.encode("utf-8", "replace"))
        return json_response(configuration_json(self._context))

    def statistics(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the counts of rules and records."""
        query_of(request, ())
        statistics = self._context.statistics()
        return json_response(
            {
                "time": time(),
                "defaultLevel": level_json(statistics.default_level),
                "generation": statistics.generation,
                "total": len(statistics.rules),
                "rules": [counts(rule) for rule in statistics.rules[:_MOST_COUNTED]],
                "records": {
                    "seen": self._tapping.follow(),
                    "total": self._tap.last,
                    "byLevel": {str(level): number for level, number in sorted(self._tap.by_level.copy().items())},
                },
            }
        )

    def audit(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the audit trail, the latest first."""
        limit = query_of(request, ("limit",)).number("limit", most=_MOST_ROWS, default=200)
        entries = self._context.audit_trail()
        latest = list(reversed(entries))[:limit]
        return json_response({"total": len(entries), "entries": [_audit_json(entry) for entry in latest]})

    # Questions

    def explain(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer why the level of a call would be what it is."""
        query_of(request, ())
        return json_response(explain(self._context, Fields.of(request, EXPLAIN_FIELDS), self._texts))

    def preview(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer which of the recent message contexts a rule would match."""
        query_of(request, ())
        fields = Fields.of(request, (*RULE_FIELDS, "show"))
        show = fields.number("show", least=0, most=_MOST_ROWS, default=50)
        rule = compose(fields, self._settings.registry)
        sees = self._tapping.follow()
        groups = grouped(self._decided())
        answers = would_match(rule, groups, self._resource(), self._context.sink)
        both = sorted(zip(groups, answers, strict=True), key=lambda pair: pair[1] is not True)
        shown = Texts(rule)
        level = level_of_rule(rule)
        return json_response(
            {
                "line": shown.line,
                "yaml": shown.yaml,
                "code": shown.code,
                "level": None if level is None else level_json(level),
                "controls": controls_of(rule),
                "seesRecords": sees,
                "total": len(groups),
                "asked": sum(answer is not None for answer in answers),
                "matched": sum(answer is True for answer in answers),
                "contexts": [group.as_json(matched=matched) for group, matched in both[:show] if matched is not None],
            }
        )

    # Records

    def contexts(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the recent message contexts."""
        limit = query_of(request, ("limit",)).number("limit", most=_MOST_ROWS, default=100)
        sees = self._tapping.follow()
        groups = grouped(self._decided())
        return json_response(
            {"seesRecords": sees, "total": len(groups), "contexts": [one.as_json() for one in groups[:limit]]}
        )

    def records(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the recent records, or those after a number."""
        query = query_of(request, ("after", "limit"))
        limit = query.number("limit", least=1, most=_MOST_ROWS, default=200)
        after = query.number("after", most=_LARGEST, default=-1)
        sees = self._tapping.follow()
        latest = self._tap.last
        if 0 <= after <= latest:
            found = self._tap.records(after, limit)
            following = found[-1].number if found else latest
            missed = following - after - len(found)
        else:
            found = self._tap.latest(limit)
            following, missed = found[-1].number if found else latest, 0
        content: Json = {
            "seesRecords": sees,
            "records": [one.as_json() for one in found],
            "next": following,
            "missed": missed,
        }
        return json_response(content)

    def stream_after(self, request: Request) -> int:
        """Return the number after which a stream of records begins: the last one that there is, if nothing says it."""
        self._tapping.follow()
        query = query_of(request, ("after",))
        after = query.number("after", most=_LARGEST, default=-1)
        # What a browser says that comes again.
        last = request.headers.get("last-event-id", "")
        if last.isascii() and last.isdigit() and len(last) < 16:  # noqa: PLR2004 - the digits of 2**53
            after = int(last)
        return self._tap.last if after < 0 else after

    def catalogue(self, request: Request, actor: str) -> Response:  # noqa: ARG002 - the same for everybody
        """Answer the names that rules may ask for: those that are defined, and those that were seen."""
        query_of(request, ())
        self._tapping.follow()
        realms = {name: list(texts) for name, texts in realm_definitions().items()}
        attributes: set[str] = set()
        entries: set[str] = set()
        spans: set[str] = set()
        for seen in self._decided():
            if seen.realm is not None:
                realms.setdefault(seen.realm, [])
            attributes.update(seen.explicit())
            entries.update(seen.baggage)
            spans.update(seen.span_attributes)
        return json_response(
            {
                "realms": _definitions(realms),
                "tags": _definitions(tag_definitions()),
                "attributes": _names(attributes),
                "baggage": _names(entries),
                "span": _names(spans),
                "resource": _names(set(self._resource())),
            }
        )

    def _decided(self) -> list[Seen]:
        """Return the records that rules were asked about; audit records go past them."""
        return [seen for seen in self._tap.known() if seen.scope != _AUDIT]

    def _resource(self) -> Mapping[str, object]:
        return core_of(self._context).settled().effective().route.reader.resource() or {}


def _number_in(request: Request) -> int:
    return int(request.path.rpartition("/")[2])


def _reason(text: str | None) -> str:
    """Return why somebody changes something, on one line."""
    return "".join(one if one.isprintable() else " " for one in text or "").strip()


def _definitions(found: Mapping[str, list[str]]) -> Json:
    names = sorted(found)[:_MOST_ROWS]
    return [{"name": name[:_LONGEST_TEXT], "description": "; ".join(found[name])[:_LONGEST_TEXT]} for name in names]


def _names(found: set[str]) -> Json:
    return cast("list[Json]", sorted(found)[:_MOST_ROWS])


def _audit_json(entry: AuditEntry) -> Json:
    return {
        "time": iso(entry.time),
        "action": entry.action,
        "actor": entry.actor,
        "rule": entry.rule_text[:_LONGEST_TEXT],
        "origin": origin_json(entry.origin),
        "until": None if entry.until is None else iso(entry.until),
        "detail": entry.detail[:_LONGEST_TEXT],
    }


def _text_of(value: object) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _version() -> str | None:
    try:
        return version("otel-ctxlog")
    except PackageNotFoundError:
        return None
