from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from otel_ctxlog import cli

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
defaultLevel: Warn
rules:
  - rule:
      level: Info
      conditions: [{realmprefix: shop}]
  - rule:
      level: Debug
      conditions:
        - baggage: {name: tenant, value: {value: acme}}
      expires: 15m
      limit: 100/s
  - rule:
      level: Trace
      conditions:
        - realm: shop/db
        - span: {name: cart.size, value: {range: {min: 50}}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "rules.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return "rules.yaml"


def test_the_rule_that_decides_is_named_with_its_line(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Level, rule with file and line, what limits it, and why each rule asked before did not match."""
    code = cli.main(["explain", file, "--realm", "shop/db", "--baggage", "tenant=acme", "--level", "debug"])

    assert code == 0
    assert capsys.readouterr().out == (
        "Debug is on: level Debug by the rule of file rules.yaml:6\n"
        "  [baggage:tenant=acme]=Debug@expires=15m@limit=100/s\n"
        "  note: the rule ends in 15m\n"
        "  note: not every record goes out; held back so far: none\n"
        "Asked before, in this order:\n"
        "  file rules.yaml:12: shop/db[span:cart.size=50..]=Trace\n"
        "    SpanAttribute(name='cart.size', value=Range(min=50, max=None)) failed: there is no span attribute "
        "'cart.size' (no recording span: an unsampled span has no attributes)\n"
    )


def test_off_is_exit_code_1(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A script can ask; where no rule matches the default level decides."""
    assert cli.main(["explain", file, "--level", "info"]) == 1
    assert capsys.readouterr().out.startswith(
        "Info is off: level Warn by default: no rule matched\nAsked, in this order:"
    )
    assert cli.main(["explain", file, "--level", "warn"]) == 0
    assert cli.main(["explain", file]) == 0


@pytest.mark.parametrize(
    ("options", "level"),
    [
        (["--realm", "shop/db", "--span", "cart.size=50"], "Trace"),
        (["--realm", "shop/db", "--span", "cart.size=49"], "Info"),
        (["--realm", "shop/db", "--span", "cart.size=50", "--not-sampled"], "Info"),
        (["--realm", "shop/db", "--realm", "other"], "Warn"),
        (["--rules", "[sampled]=trace", "--sampled"], "Trace"),
        (["--rules", "[sampled]=trace", "--not-sampled"], "Warn"),
        (["--rules", "[sampled]=trace"], "Warn"),
        (["--rules", "[unsampled]=trace"], "Trace"),
        (["--rules", "[spanname~GET*]=trace", "--span-name", "GET /"], "Trace"),
        (["--rules", "[#slow]=trace", "--tag", "slow"], "Trace"),
        (["--rules", "[a=1]=trace", "--attribute", "a=1"], "Trace"),
        (["--rules", "[a=1]=trace", "--attribute", 'a="1"'], "Warn"),
        (["--rules", '[a="1"]=trace', "--attribute", 'a="1"'], "Trace"),
        (["--rules", "[a=1]=trace", "--baggage", "a=1"], "Trace"),
        (["--rules", "[a=true]=trace", "--attribute", "a=true"], "Trace"),
        (["--rules", "[a=true]=trace", "--attribute", "a=1"], "Warn"),
        (["--rules", "[resource:service.name=shop]=trace", "--resource", "service.name=shop"], "Trace"),
        (["--rules", "[resource:service.name=shop]=trace", "--resource", "service.name=cart"], "Warn"),
        (["--rules", '[a="x=y"]=trace', "--attribute", "a=x=y"], "Trace"),
    ],
)
def test_each_option_is_seen_by_rules(
    file: str, options: list[str], level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an option says is what a record has; rules of --rules are asked before those of the file."""
    cli.main(["explain", file, *options])

    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("note: ")]
    assert said[0].startswith(f"level {level} by ")


def test_the_trap_of_an_unsampled_span_is_told(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Attributes of such a span do not exist, whatever the options say."""
    cli.main(["explain", file, "--realm", "shop/db", "--span", "cart.size=70", "--not-sampled"])

    assert "note: a span that is not sampled has neither attributes nor a name" in capsys.readouterr().out


def test_rules_alone_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """No file is needed."""
    assert cli.main(["explain", "--rules", "warn,shop/**=debug", "--realm", "shop/db", "--level", "debug"]) == 0
    assert capsys.readouterr().out == "Debug is on: level Debug by the rule of text --rules\n  shop/**=debug\n"


def test_standard_input_is_a_configuration(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``-``, as usual."""

    class Stdin:
        buffer = io.BytesIO(TEXT.encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert cli.main(["explain", "-", "--realm", "shop"]) == 0
    assert "level Info by the rule of text line 3" in capsys.readouterr().out


def test_a_wrong_configuration_is_exit_code_2(file: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The error is that of loading, on standard error; a rule that one line cannot say is shown in its own words."""
    (tmp_path / "bad.yaml").write_text("rules: [{rule: {level: Debgu}}]\n")
    assert cli.main(["explain", "bad.yaml"]) == 2
    assert cli.main(["explain", "none.yaml"]) == 2
    assert cli.main(["explain", "--rules", "a=debgu"]) == 2
    assert cli.main(["explain", file, "--import", "no_such_module"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "otel-ctxlog explain: bad.yaml:1:24: rules[0].rule.level: unknown level 'Debgu'" in said.err
    assert "none.yaml: the file cannot be read: No such file" in said.err
    assert "--rules:1:3: unknown level 'debgu'" in said.err
    assert "--import no_such_module: ModuleNotFoundError" in said.err

    (tmp_path / "odd.yaml").write_text(
        "rules: [{rule: {level: 4, conditions: [{attribute: {name: a, value: {value: [1]}}}]}}]\n"
    )
    cli.main(["explain", "odd.yaml"])
    assert "  file odd.yaml:1: ConditionRule(4, Attribute(name='a', value=[1]))\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["r", "--level", "x"], ["r", "--attribute", "a"], ["r", "--realm", ""]])
def test_a_wrong_command_line_is_a_usage_error(
    arguments: list[str], file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the usage."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["explain", *(file if one == "r" else one for one in arguments)])

    assert caught.value.code == 2
    assert "usage: otel-ctxlog explain" in capsys.readouterr().err


def test_a_mistyped_level_names_the_nearest(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a configuration."""
    with pytest.raises(SystemExit):
        cli.main(["explain", file, "--level", "debgu"])

    assert "argument --level: unknown level 'debgu'; allowed: Error" in (said := capsys.readouterr().err)
    assert "did you mean 'Debug'?" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "abc"),
    ],
)
def test_the_answer_does_not_hang_on_the_shell(
    variable: str, value: str, file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The options say what there is; variables for the SDK, set for a service, neither sample nor limit nor disable."""
    monkeypatch.setenv(variable, value)

    assert cli.main(["explain", file, "--realm", "shop/db", "--span", "cart.size=60", "--level", "trace"]) == 0
    assert capsys.readouterr().out == (
        "Trace is on: level Trace by the rule of file rules.yaml:12\n  shop/db[span:cart.size=50..]=Trace\n"
    )
    assert os.environ[variable] == value


def test_modules_of_the_service_bring_own_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--import runs what registers them, also from the current folder; eventers are not made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "explain_own_types.py").write_text(
        "import otel_ctxlog as cl\nfrom otel_ctxlog import config\n"
        "config.default_registry().register_condition_type('com.acme.x', lambda spec, _: cl.Tag(spec))\n"
    )
    (tmp_path / "own.yaml").write_text(
        "rules: [{rule: {level: Debug, conditions: [{com.acme.x: t}]}}]\neventers: {a: {type: cloudwatch, group: g}}\n"
    )

    assert cli.main(["explain", "own.yaml", "--import", "explain_own_types", "--tag", "t", "--level", "debug"]) == 0
    assert "level Debug by the rule of file own.yaml:1" in capsys.readouterr().out
