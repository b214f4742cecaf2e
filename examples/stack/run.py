"""A stack of unmodified libraries under rules: debug of SQLAlchemy and httpx for one tenant, in every worker process.

    python examples/stack/run.py                      # needs the extra `stack`
    python examples/stack/run.py --rules my.yaml      # with other rules the checks fail, and show what changed

It starts the services of this folder by uvicorn and by gunicorn, sends them requests of four tenants at once, has them
end in the middle of one, and compares what arrived at an OTLP receiver with what should have. The exit code is 0 if it
is the same.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # The servers import the services as ``stack.orders`` and ``stack.stock``, and so does everything here.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    runpy.run_module("stack.demonstration", run_name="__main__")
