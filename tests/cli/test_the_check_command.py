from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import otel_ctxlog
from otel_ctxlog import cli

CORPUS = Path(__file__).resolve().parents[1] / "config"


def _check(*arguments: str | Path) -> int:
    return cli.main(["check", *map(str, arguments)])


def test_valid_files_are_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on standard output, a summary on standard error."""
    files = [file for file in sorted((CORPUS / "valid").glob("*.yaml")) if file.stem != "own-types"]

    assert _check("--strict", *files) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"{len(files)} configurations checked: 0 errors, 0 warnings\n")


def test_errors_are_exit_code_2_and_warnings_1_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for each finding, with file, line and column, as compilers have it; several files at once."""
    monkeypatch.chdir(tmp_path)
    Path("warned.yaml").write_text("rules:\n- rule: {level: Debug, conditions: [{tag: a}]}\n- rule: {level: Info}\n")
    Path("wrong.yaml").write_text("rules:\n- rule: {level: Debgu}\n- rule: {levle: Debug}\n")

    assert _check("warned.yaml") == 0
    assert _check("--strict", "warned.yaml") == 1
    capsys.readouterr()
    assert _check("warned.yaml", "wrong.yaml", "none.yaml") == 2
    said = capsys.readouterr()
    assert [line.split(": ")[0:2] for line in said.out.splitlines()] == [
        ["warned.yaml:2:3", "warning"],
        ["wrong.yaml:2:17", "error"],
        ["wrong.yaml:3:10", "error"],
        ["none.yaml", "error"],
    ]
    assert said.out.splitlines()[0].endswith(" [unreachable]")
    assert said.err == "3 configurations checked: 3 errors, 1 warning\n"


def test_findings_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A list of objects for programs, an empty one where all is well."""
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text("rules: [{rule: {level: Debgu}}]\n")

    assert _check("--json", "r.yaml", "--rules", "a=debug,a/**=info") == 2
    found = json.loads(capsys.readouterr().out)
    assert [one["severity"] for one in found] == ["error", "warning"]
    assert found[0] == {
        "severity": "error",
        "code": "error",
        "file": "r.yaml",
        "line": 1,
        "column": 24,
        "path": "rules[0].rule.level",
        "problem": "unknown level 'Debgu'; allowed: Error, Warn, Info, Debug, Trace, None or off, or a number from 0; "
        "did you mean 'Debug'?",
    }
    assert (found[1]["file"], found[1]["code"], found[1]["column"]) == ("--rules", "unreachable", 1)
    assert _check("--json", "--rules", "info") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_names_are_compared_to_what_the_service_defines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--import brings the catalogue; without definitions any name may be."""
    monkeypatch.chdir(tmp_path)
    Path("check_catalogue.py").write_text(
        "import otel_ctxlog as cl\ncl.define_tag('check-slow', 'x')\ncl.define_realm('check/db')\n"
    )
    Path("r.yaml").write_text(
        "rules:\n- rule: {level: Debug, conditions: [{tag: check-slwo}]}\n"
        "- rule: {level: Debug, conditions: [{realm: check}]}\n"
        "- rule: {level: Info, conditions: [{realmprefix: check}, {tag: check-slow}]}\n"
    )

    assert _check("r.yaml", "--import", "check_catalogue") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "no tag 'check-slwo' is defined; did you mean 'check-slow'? [unknown-tag]" in lines[0]
    assert "no realm 'check' is defined; below it there are" in lines[1]
    assert len(lines) == 2
    assert _check("r.yaml", "--import", "no_such_module") == 2


def test_what_the_service_looks_at_can_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    """--sources baggage: conditions about spans never match."""
    assert _check("--rules", "[sampled]=debug", "--sources", "baggage") == 0
    assert "[no-source]" in capsys.readouterr().out
    assert _check("--rules", "[sampled]=debug", "--sources", "none") == 0
    assert "[no-source]" in capsys.readouterr().out
    assert _check("--rules", "[sampled]=debug") == 0
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit):
        _check("--rules", "a=info", "--sources", "spam")


def test_standard_input_is_a_configuration(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``-``, for editors and hooks."""

    class Stdin:
        buffer = io.BytesIO(b"rules: [{rule: {level: Debgu}}]")

    monkeypatch.setattr("sys.stdin", Stdin)
    assert _check("-") == 2
    assert capsys.readouterr().out.startswith("<stdin>:1:24: error: rules[0].rule.level: unknown level")


def test_nothing_to_check_is_a_usage_error() -> None:
    """Exit code 2, with the usage."""
    with pytest.raises(SystemExit) as caught:
        _check()

    assert caught.value.code == 2


def test_a_module_that_exits_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script without a guard is no reason to end without a word."""
    (tmp_path / "exiting_script.py").write_text("raise SystemExit(0)\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    assert _check("--import", "exiting_script", "--rules", "warn") == 2
    assert "--import exiting_script: SystemExit: 0" in capsys.readouterr().err


def _run(command: str, **variables: str) -> tuple[int, str, str]:
    """Exit code and output of a shell command, in which $O is the command line tool."""
    done = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(otel_ctxlog.__file__).parents[1]),
            "O": f"{sys.executable} -m otel_ctxlog",
            **variables,
        },
    )
    return done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii")


def test_a_terminal_without_umlauts_gets_escapes() -> None:
    """What the output cannot encode is escaped, in all commands about rules."""
    rules = "info,[\u00e4=\U0001f600]=debug"

    code, out, err = _run(f"$O check --rules '{rules}x'; $O check --json --rules '{rules}x'", PYTHONIOENCODING="ascii")
    assert (code, "[\\xe4=\\U0001f600]" in out, "Traceback" in err) == (2, True, False)
    code, out, err = _run(f"$O explain --rules '{rules}' && $O schema", PYTHONIOENCODING="ascii")
    assert (code, "[\\xe4=\\U0001f600]" in out, err) == (0, True, "")
    assert json.loads(out[out.index("{\n") :])["title"] == "Configuration of otel_ctxlog"


def test_a_reader_may_stop_reading() -> None:
    """As head does: no traceback."""
    _, _, err = _run("$O schema | true; $O explain --rules warn | true; $O check --rules x=y | true")

    assert "Traceback" not in err
    assert "Error" not in err
