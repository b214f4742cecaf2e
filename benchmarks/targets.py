"""What we promise: floors, each as a limit of a ratio between two cases of one group, or of a time."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.model import Library
from benchmarks.rooms.making import REFERENCE
from benchmarks.rooms.starting import API
from benchmarks.rooms.written import LIMITED_RULE, PLAIN_RULE

OURS, STDLIB, STRUCTLOG, HANDLER, RAW = (
    Library.OURS,
    Library.STDLIB,
    Library.STRUCTLOG,
    Library.HANDLER,
    Library.RAW,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A scenario of ours, and what it may cost at most.

    Args:
        scenario: of ours.
        limit: as a multiple of the rival's cost; without a rival, in seconds.
        rival: scenario and library that it is compared with, of the same group; None for a limit in seconds.
    """

    scenario: str
    limit: float
    rival: tuple[str, Library] | None = None


def _against(library: Library, limit: float, *scenarios: str) -> list[Target]:
    return [Target(scenario, limit, (scenario, library)) for scenario in scenarios]


def _grown(limit: float, few: str, many: str) -> Target:
    return Target(many, limit, (few, OURS))


BOUND = (
    "off, bound logger",
    "off, bound logger, 3 fields",
    "off, bound logger, level by a rule",
    "off, bound logger, level by a rule, 3 fields",
)
UNCONCERNED = (
    "off, unbound logger, outside of requests",
    "off, unbound logger, outside of requests, 3 fields",
    "off, unbound logger, no rules",
    "off, unbound logger, no rules, 3 fields",
    "off, unbound logger, 10,000 rules of other realms",
)
KINDS = ("baggage", "span attributes", "everything")

TARGETS: tuple[Target, ...] = (
    *_against(STDLIB, 1.0, *BOUND),
    *_against(STRUCTLOG, 1.1, *BOUND),
    *_against(STDLIB, 1.1, *UNCONCERNED),
    *_against(STDLIB, 2.5, "off, 10 rules on baggage"),
    *_against(STDLIB, 6.0, "off, 10 rules on span attributes"),
    *(_grown(1.1, f"off, 10 rules on {kind}", f"off, 10,000 rules on {kind}") for kind in KINDS),
    *(
        _grown(
            1.5,
            f"off, first call in a request, 10 rules on {kind}",
            f"off, first call in a request, 10,000 rules on {kind}",
        )
        for kind in KINDS
    ),
    Target("making a bound logger, 10,000 rules on baggage", 0.9, (REFERENCE, RAW)),
    *_against(RAW, 1.25, "written, 3 fields"),
    *_against(HANDLER, 0.6, "written, 3 fields"),
    Target("written, 3 fields, bound logger", 1.25, ("written, 3 fields", RAW)),
    Target("written, 3 fields, bound logger", 0.6, ("written, 3 fields", HANDLER)),
    _grown(1.1, PLAIN_RULE, LIMITED_RULE),
    _grown(1.1, PLAIN_RULE.replace("written", "off"), LIMITED_RULE.replace("written", "off")),
    *_against(STDLIB, 1.15, "off, stdlib logging, bridge installed"),
    *_against(HANDLER, 1.0, "written, 3 fields, stdlib logging, bridge installed"),
    Target("import", 1.3, (API, RAW)),
    Target("10,000 rules on baggage by one `replace_rules`", 0.15),
    Target("10,000 rules on everything by one `replace_rules`", 0.15),
)
