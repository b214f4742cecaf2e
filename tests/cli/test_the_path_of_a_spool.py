from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_ctxlog.cli import main
from otel_ctxlog.delivery.spool import Spool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A spool with one record, which a process left."""
    path = tmp_path / "spool"
    spool = Spool(path)
    assert spool.append(b"", b"", b"")
    spool.close()
    return path


@pytest.mark.parametrize("arguments", [[], ["--json"], ["show"], ["show", "--json"]])
def test_it_is_what_the_variable_says_by_default(
    arguments: list[str], root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable that `setup()` looks at, too."""
    monkeypatch.setenv("OTEL_CTXLOG_SPOOL", f" {root} ")

    assert main(["spool", *arguments]) == 0
    assert str(root) in capsys.readouterr().out


def test_every_action_takes_the_variable(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options with values that look like actions included."""
    monkeypatch.setenv("OTEL_CTXLOG_SPOOL", str(root))

    assert main(["spool", "verify"]) == 0
    assert "1 intact record, 0 damaged parts" in capsys.readouterr().err
    assert main(["spool", "records", "--limit", "1"]) == 0
    assert main(["spool", "drain", "--header", "verify"]) == 2
    assert "--header is 'verify', allowed: NAME=VALUE" in capsys.readouterr().err


def test_a_path_that_is_given_comes_first(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that is called like an action, with the action after it."""
    monkeypatch.setenv("OTEL_CTXLOG_SPOOL", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    root.rename("verify")

    assert main(["spool", "verify", "show"]) == 0
    assert capsys.readouterr().out.startswith("verify: 1 record ")
    assert main(["spool", "./verify"]) == 0


@pytest.mark.parametrize("value", [None, "", " "])
@pytest.mark.parametrize("arguments", [[], ["show"], ["records"], ["verify"], ["drain"], ["drain", "--all"]])
def test_without_either_both_are_named(
    arguments: list[str], value: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error."""
    monkeypatch.delenv("OTEL_CTXLOG_SPOOL", raising=False)
    if value is not None:
        monkeypatch.setenv("OTEL_CTXLOG_SPOOL", value)
    with pytest.raises(SystemExit) as ended:
        main(["spool", *arguments])

    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(
        "error: the following arguments are required: PATH, or a directory in the variable OTEL_CTXLOG_SPOOL\n"
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_drain_says_what_it_may_not_take(root: Path) -> None:
    """Nothing sent of what waits is no success: exit code 1, and what stays behind."""
    program = """
import os, shutil, sys
from otel_ctxlog.cli import main
drain = ["drain", "--endpoint", "http://127.0.0.1:1", "--timeout", "1"]
os.chdir(sys.argv[1])
os.system("chmod -R a+rX .")
# Once as root: what has to be imported may lie where nobody else can read.
shutil.copytree(".", "../copy")
main(["spool", "../copy", *drain])
os.seteuid(65534)
print("then", file=sys.stderr)
sys.exit(main(["spool", ".", *drain]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    said = done.stderr.partition("then\n")[2]

    assert done.returncode == 1, done.stderr
    assert "otel-ctxlog spool: 0 of 1 records delivered to " in said
    assert "; 1 remain; stopped: left behind: " in said
