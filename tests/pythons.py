"""Run the fast tests on every supported interpreter that is found besides the one running this script.

``python tests/pythons.py [--all] [pytest arguments]``. Interpreters are looked for on ``PATH`` and among those of
pyenv. Each has an environment of its own, ``.venv-3.12`` and so on, made again when ``pyproject.toml`` changes. The
oldest interpreter runs with the oldest OpenTelemetry that `pyproject.toml` allows, the others with the newest.

Exit code 0 if every interpreter passed, none found included; 1 otherwise. ``--all``: this interpreter's version, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
OLDEST = SUPPORTED[0]
# As in the Makefile.
RERUNS = ("-p", "no:xdist", "--reruns", "2", "--reruns-delay", "1")


def find_interpreter(version: str) -> Path | None:
    """The path of an interpreter of this version (``3.12``), or None."""
    candidates: list[Path] = []
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        candidates.append(Path(on_path))
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates.extend(sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True))
    for candidate in candidates:
        # A pyenv shim may exist for a version that is not switched on, so each candidate has to answer.
        probe = [str(candidate), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(probe, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def oldest_requirements() -> list[str]:
    """The lower bounds of the OpenTelemetry dependencies in `pyproject.toml`, as exact requirements."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    # No TOML parser in the standard library of Python 3.10.
    bounds = re.findall(r'^\s*"(opentelemetry-(?:api|sdk|exporter-otlp))>=([\w.]+)"', text, flags=re.MULTILINE)
    return [f"{name}=={bound}" for name, bound in bounds]


def make_environment(version: str, interpreter: Path) -> Path:
    """The interpreter of an up-to-date environment `.venv-VERSION`."""
    environment = ROOT / f".venv-{version}"
    python = environment / "bin" / "python"
    stamp = environment / ".installed"
    project = ROOT / "pyproject.toml"
    if stamp.exists() and stamp.stat().st_mtime > project.stat().st_mtime:
        return python
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([str(interpreter), "-m", "venv", str(environment)], check=True)
    requirements = ["--editable", f"{ROOT}[test]"]
    if version == OLDEST:
        requirements += oldest_requirements()
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    # The pip that comes with an older Python gives up on OpenTelemetry's staggered releases.
    subprocess.run([*install, "--upgrade", "pip>=24.2"], check=True)
    subprocess.run([*install, *requirements], check=True)
    stamp.touch()
    return python


def main(arguments: list[str]) -> int:
    """Run the tests on each interpreter; 0 if all passed, 1 otherwise."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    chosen = [version for version in SUPPORTED if version != own or "--all" in arguments]
    pytest_arguments = [argument for argument in arguments if argument != "--all"]
    results: dict[str, str] = {}
    for version in chosen:
        interpreter = find_interpreter(version)
        if interpreter is None:
            results[version] = "not found"
            continue
        print(f"=== Python {version}: {interpreter}", flush=True)
        try:
            python = make_environment(version, interpreter)
        except subprocess.CalledProcessError as error:
            results[version] = f"FAILED: no environment ({error})"
            continue
        command = [str(python), "-m", "pytest", "-m", "not slow", "-q", "-p", "no:cacheprovider", *RERUNS]
        command += pytest_arguments
        run = subprocess.run(command, cwd=ROOT, check=False)
        results[version] = "passed" if run.returncode == 0 else f"FAILED: exit code {run.returncode}"
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return int(any(result.startswith("FAILED") for result in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
