from __future__ import annotations

from typing import TYPE_CHECKING

import otel_ctxlog as cl
from otel_ctxlog import config

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
defaultLevel: Warn
rules:
  - rule: {level: Debug, conditions: [{tag: a}]}

  - rule:
      level: Trace
      conditions: [{tag: b}]
"""


def _origins(ctx: cl.LoggingContext) -> list[str]:
    """In the order of adding."""
    return [str(one.origin) for one in reversed(ctx.statistics().rules)]


def test_rules_of_a_file_have_its_name_and_their_line(tmp_path: Path) -> None:
    """The origin of each rule is the line where it begins, in statistics and in explanations."""
    file = tmp_path / "rules.yaml"
    file.write_text(TEXT)
    ctx = cl.LoggingContext()
    config.configure(ctx, file)

    assert _origins(ctx) == [f"file {file}:3", f"file {file}:5"]
    assert f"(file {file}:5)" in str(ctx.explain(cl.Tag("b")))


def test_rules_of_a_text_have_their_line() -> None:
    """A text has no name, but lines."""
    ctx = cl.LoggingContext()
    config.configure(ctx, TEXT)

    assert _origins(ctx) == ["text line 3", "text line 5"]


def test_rules_of_plain_data_come_from_the_code_that_configures() -> None:
    """Plain data have no lines: what counts is the line of the caller, not one of this library."""
    ctx = cl.LoggingContext()
    config.configure(ctx, config.load(TEXT))
    config.configure(ctx, {"rules": [{"rule": {"level": "Info"}}]})

    origins = _origins(ctx)
    assert origins[0] == origins[1]
    assert [origin.startswith(f"code {__name__}:") for origin in origins] == [True] * 3
    assert int(origins[2].rpartition(":")[2]) == int(origins[0].rpartition(":")[2]) + 1
