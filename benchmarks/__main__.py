"""``python -m benchmarks [NAME …]``: measure, print the tables, and write them down if it was all of it.

A NAME chooses the groups whose name contains it; ``--list`` shows them. Only a run of everything, with full effort,
writes ``results.json``, ``RESULTS.md`` and README's table. The exit code is 0 whatever was measured, since a run is a
report; with ``--check`` it is 1 if a measured target was missed; 2 where measuring failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import harness, pages, results, tables
from benchmarks.rooms import GROUPS
from benchmarks.targets import TARGETS


def main(argv: list[str] | None = None) -> int:
    """Measure as told; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of the names of the groups to measure")
    parser.add_argument("--list", action="store_true", help="show the groups and end")
    parser.add_argument("--quick", action="store_true", help="try everything once, in seconds; the numbers mean little")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a measured target was missed")
    parser.add_argument("--no-write", action="store_true", help="print only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well, however partial")
    parser.add_argument("--pyperf", type=Path, metavar="FILE", help="write all samples there, for pyperf's tools")
    parser.add_argument("--render", action="store_true", help="measure nothing: write the pages from results.json")
    given = parser.parse_args(argv)
    if given.render:
        pages.write(results.from_json(pages.RESULTS.read_text(encoding="utf-8")))
        return 0
    groups = [name for name in GROUPS if not given.names or any(part in name for part in given.names)]
    if not groups:
        parser.error(f"no group has {' or '.join(given.names)} in its name; --list shows them")
    if given.list:
        for name in groups:
            print(f"{name:<40}{GROUPS[name].about}")
        return 0

    effort = harness.QUICK if given.quick else harness.FULL
    try:
        suite = harness.run(groups, effort, progress=lambda text: print(text, file=sys.stderr, flush=True))
    except subprocess.CalledProcessError as error:
        print(f"a process that measures ended with exit code {error.returncode}, see above", file=sys.stderr)
        return 2
    complete = len(groups) == len(GROUPS) and not given.quick
    measured = results.evaluate(suite, TARGETS, effort=effort, complete=complete)
    print(tables.plain(measured), end="")
    if given.pyperf is not None:
        suite.dump(str(given.pyperf), replace=True)
    if given.json is not None:
        given.json.write_text(results.to_json(measured), encoding="utf-8")
    if complete and not given.no_write:
        pages.write(measured)
    return int(given.check and any(verdict.met is False for verdict in measured.targets))


if __name__ == "__main__":
    sys.exit(main())
