"""Whether HTTP addresses answer 200: a health check for containers whose images have no shell.

python probe.py http://collector:13133/               # exit code 0 or 1, with one line for each that does not
python probe.py --every 5 http://collector:13133/     # says it again at every change, until it is stopped
"""

from __future__ import annotations

import argparse
import sys
import time
import urllib.error
import urllib.request

_TIMEOUT_SECONDS = 3.0
# No proxy between the containers of one network.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def complaints(urls: list[str]) -> list[str]:
    """Return a line for each address that does not answer 200, in the order given."""
    found: list[str] = []
    for url in urls:
        try:
            with _OPENER.open(url, timeout=_TIMEOUT_SECONDS) as answer:
                if answer.status != 200:  # noqa: PLR2004
                    found.append(f"{url}: {answer.status}")
        except (OSError, ValueError, urllib.error.URLError) as error:
            found.append(f"{url}: {error}")
    return found


def main() -> None:
    """Look once, or at every change until the process is stopped."""
    parser = argparse.ArgumentParser(description="Whether HTTP addresses answer 200.")
    parser.add_argument("urls", nargs="+", metavar="url")
    parser.add_argument("--every", type=float, default=None, metavar="SECONDS", help="look again and again")
    arguments = parser.parse_args()
    before: list[str] | None = None
    while True:
        found = complaints(arguments.urls)
        if found != before:
            print("\n".join(found) or "all answer", flush=True)
        if arguments.every is None:
            sys.exit(1 if found else 0)
        before = found
        time.sleep(arguments.every)


if __name__ == "__main__":
    main()
