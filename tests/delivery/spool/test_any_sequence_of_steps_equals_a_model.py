from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from otel_ctxlog.delivery.spool import Spool, SpooledBatch

from .content import look_again

Encoded = tuple[bytes, bytes, bytes]

CONTEXTS = st.sampled_from([(b"resource one", b"scope"), (b"resource two", b"scope"), (b"resource one", b"")])
RECORDS = st.one_of(st.binary(max_size=40), st.integers(1000, 9000).map(lambda size: b"x" * size))


class SpoolMachine(RuleBasedStateMachine):
    """A spool beside a plain list: what is in the list, from its beginning, is what the spool gives out.

    It is crashed by taking away its locks without closing anything, as the end of a process does: the next one finds
    the files as they are.
    """

    @initialize(fsync=st.sampled_from(["none", "each"]))
    def begin(self, fsync: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="spool-model-"))
        self.options = {"max_bytes": 4 << 20, "fsync": fsync, "when_full": "refuse"}
        self.spool = Spool(self.root / "spool", **self.options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        self.model: list[Encoded] = []
        self.batch: SpooledBatch | None = None
        self.crashed: list[Spool] = []

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            rest: list[Encoded] = []
            look_again(self.spool)
            while (batch := self.spool.read(3, 5000)) is not None:
                rest += batch.records
                batch.accept()
            self.spool.close()
            left = [path for path in (self.root / "spool").rglob("*") if path.is_file()]
            for spool in self.crashed:
                spool._closed = True
            shutil.rmtree(self.root)
            assert rest == self.model
            assert left == []

    @rule(context=CONTEXTS, record=RECORDS, times=st.integers(1, 4))
    def append(self, context: tuple[bytes, bytes], record: bytes, times: int) -> None:
        for _ in range(times):
            assert self.spool.append(*context, record)
            self.model.append((*context, record))

    @rule(records=st.integers(1, 5), size=st.sampled_from([1, 100, 20_000]))
    def read(self, records: int, size: int) -> None:
        self.batch = self.spool.read(records, size)
        if self.batch is None:
            assert self.model == []
            return
        found = self.batch.records
        assert 1 <= len(found) <= records
        assert found == self.model[: len(found)]
        assert len(found) == 1 or sum(len(record) for _, _, record in found) <= size

    @precondition(lambda self: self.batch is not None)
    @rule(twice=st.booleans())
    def accept(self, twice: bool) -> None:
        assert self.batch is not None
        self.batch.accept()
        if twice:
            self.batch.accept()
        del self.model[: len(self.batch.records)]
        self.batch = None

    @precondition(lambda self: self.batch is not None)
    @rule()
    def retry(self) -> None:
        assert self.batch is not None
        self.batch.retry()
        self.batch = None

    @rule()
    def end_and_begin(self) -> None:
        self.spool.close()
        self._again()

    @rule()
    def crash(self) -> None:
        # The kernel closes all files of a dead process; nothing else happens.
        self.spool._reader.over = True
        self.spool._durability.forget()
        self.spool._holdings.forget()
        self.crashed.append(self.spool)
        self._again()

    @rule()
    def sync(self) -> None:
        self.spool.sync()

    def _again(self) -> None:
        self.batch = None
        self.spool = Spool(self.root / "spool", **self.options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        # Takes in what the last one left.
        batch = self.spool.read(1, 1)
        assert (batch is None) == (self.model == [])

    @invariant()
    def nothing_is_lost_or_counted_twice(self) -> None:
        if hasattr(self, "spool"):
            assert self.spool.pending()[0] == len(self.model)
            counts = self.spool.counts
            assert (counts.corrupt_parts, counts.dropped, counts.failed, counts.refused) == (0, 0, 0, 0)


@pytest.mark.slow
def test_any_sequence_of_steps() -> None:
    """Hypothesis looks for a sequence of steps after which spool and list differ."""
    run_state_machine_as_test(
        SpoolMachine,
        settings=settings(
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            database=None,
        ),
    )
