"""What stands in a dashboard: its queries with the variables filled in, as Grafana does before it asks a store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Target", "all_values", "filled", "targets", "variables"]

# Grafana's own: https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/#global-variables
BUILT_IN: Final[Mapping[str, str]] = {
    "__auto": "1m",
    "__interval": "1m",
    "__range": "30m",
    "__rate_interval": "1m",
    "__url_time_range": "",
}
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>[\w.]+)(?::\w+)?\}|(?P<plain>\w+))")


@dataclass(frozen=True, slots=True)
class Target:
    """A query of a panel."""

    dashboard: str
    panel: str
    store: str
    query: str
    legend: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.query[:40]}"


def targets(name: str, dashboard: Any) -> Iterator[Target]:
    """Yield the queries of a dashboard in the order of its panels."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            store = target["datasource"]["uid"]
            query = target["expr"] if "expr" in target else target["query"]
            yield Target(name, panel["title"], store, query, target.get("legendFormat", ""))


def variables(text: str) -> set[str]:
    """Return the names of variables in a text, Grafana's own left out."""
    names = {match["braced"] or match["plain"] for match in _VARIABLE.finditer(text)}
    return {name for name in names if not name.startswith("__")}


def all_values(dashboard: Any) -> dict[str, str]:
    """Return what the dashboard's variables are when it is opened: "All", and empty texts."""
    return {one["name"]: one.get("allValue", one["query"]) for one in dashboard["templating"]["list"]}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a query without variables.

    Raises:
        KeyError: a variable that there is not.
    """
    known = {**BUILT_IN, **values}
    return _VARIABLE.sub(lambda match: known[match["braced"] or match["plain"]], text)
