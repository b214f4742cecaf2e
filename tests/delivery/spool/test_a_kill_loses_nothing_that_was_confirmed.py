from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from .crashing import record_of

ROOT = Path(__file__).resolve().parents[3]


def arrivals(home: Path) -> list[bytes]:
    """What the receiver got, in the order of time; a line that was cut off by a kill did not arrive."""
    lines: list[tuple[int, int, bytes]] = []
    for path in home.glob("received.*"):
        whole = path.read_bytes().split(b"\n")[:-1]
        for place, line in enumerate(whole):
            moment, _, record = line.partition(b" ")
            lines.append((int(moment), place, record))
    return [record for _, _, record in sorted(lines, key=lambda line: line[:2])]


def check_kills(home: Path, *, kills: int, seed: int, fsync: str) -> None:
    """Everything confirmed arrives, in the order of its thread, and what comes twice is equal."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("crashing.py")), str(home), str(kills), str(seed), fsync],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    first: dict[tuple[int, int], list[int]] = defaultdict(list)
    seen: set[tuple[int, int, int]] = set()
    doubles = 0
    for record in arrivals(home):
        process, thread, number = map(int, record.partition(b",")[0].split(b":"))
        assert record == record_of(process, thread, number)
        if (process, thread, number) in seen:
            doubles += 1
            continue
        seen.add((process, thread, number))
        first[process, thread].append(number)
    total = 0
    for process, counts in enumerate(result["confirmed"]):
        for thread, count in enumerate(counts):
            arrived = first[process, thread]
            total += count

            # One more may have been written when the kill came, before anybody could be told.
            assert arrived == list(range(len(arrived))), (process, thread)
            assert count <= len(arrived) <= count + 1, (process, thread)

    print(f"{kills} kills, {total} records confirmed, {len(seen)} arrived, {doubles} of them twice, {result}"[:300])
    assert total > 20 * kills
    assert result["pending"] == result["files"] == 0


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    """SIGKILL at 200 random moments, two processes of four threads on one directory."""
    check_kills(tmp_path, kills=200, seed=1, fsync="none")


@pytest.mark.slow
def test_kills_while_the_device_is_asked(tmp_path: Path) -> None:
    """The same where each record waits for the device, and where a thread asks it."""
    for fsync in ("each", "interval"):
        (tmp_path / fsync).mkdir()
        check_kills(tmp_path / fsync, kills=25, seed=2, fsync=fsync)
