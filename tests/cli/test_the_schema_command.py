from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import otel_ctxlog
from otel_ctxlog import cli


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """What comes is the shipped file: a schema of the draft that it names, which takes a configuration."""
    assert cli.main(["schema"]) == 0
    text = capsys.readouterr().out

    assert text == (Path(otel_ctxlog.__file__).parent / "config" / "schema.json").read_text(encoding="utf-8")
    schema = json.loads(text)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"defaultLevel": "Warn", "rules": [{"rule": {"level": "Debug"}}]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"rules": [{"rule": {"levle": "Debug"}}]}, schema)


def test_a_command_line_loads_nothing_that_it_does_not_need() -> None:
    """`otel-ctxlog --help` loads neither YAML nor the SDK nor the rule engine's configuration."""
    program = (
        "import sys\nfrom otel_ctxlog import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('yaml', 'opentelemetry.sdk', 'otel_ctxlog.config') if name in sys.modules])"
    )
    root = str(Path(otel_ctxlog.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": root},
    )

    assert done.stdout.splitlines()[-1] == "[]"
    assert [name for name in ("explain", "check", "schema") if name not in done.stdout] == []
