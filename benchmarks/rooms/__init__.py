"""The scenarios: `GROUPS` are those of all rooms, in the order of the tables.

A new scenario is one more generator function with `@group()` in one of these files, which yields its cases; a new room
is one more file, named in `ROOMS`.
"""

from __future__ import annotations

from benchmarks.model import ENTERED, Group
from benchmarks.rooms import bridged, making, memory, off, off_by_context, otlp, rules, starting, written

ROOMS = (off, off_by_context, written, bridged, making, rules, otlp, starting, memory)
GROUPS: dict[str, Group] = {
    name: entered
    for room in ROOMS
    for name, entered in ENTERED.items()
    if name.partition("/")[0] == room.__name__.rpartition(".")[2]
}
