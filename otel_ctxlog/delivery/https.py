"""The session of HTTP exporters: its certificate file counts, and a forked child gets connections of its own."""

from __future__ import annotations

import os
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter

from otel_ctxlog.delivery.hearing import note_answer

__all__ = ["ExporterSession", "forget_connections"]


class ExporterSession(Session):
    """A session whose own certificate file wins over ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.

    In `requests` these variables beat `Session.verify`, so that on a machine that sets one of them
    ``OTEL_EXPORTER_OTLP_CERTIFICATE`` would have no effect.
    """

    def __init__(self) -> None:
        super().__init__()
        self._process = os.getpid()

    def request(self, *arguments: Any, **named: Any) -> Any:
        """Send a request; the official exporter tells its status only when it gives up at once, and not always then."""
        if os.getpid() != self._process:
            self._process = os.getpid()
            forget_connections(self)
        note_answer(None)
        response = super().request(*arguments, **named)
        if not response.ok:
            note_answer(f"HTTP {response.status_code} {response.reason or ''}".rstrip())
        return response

    def merge_environment_settings(
        self, url: str | bytes | None, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Return the settings of a request, with this session's certificate file if it has one."""
        settings: dict[str, Any] = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        if isinstance(self.verify, str):
            settings["verify"] = self.verify
        return settings


def forget_connections(session: Session) -> None:
    """Have a session open new connections: those of a forked child are its parent's, and what both write would mix."""
    for prefix, adapter in list(session.adapters.items()):
        # One that somebody has made is theirs, and knows what to do after a fork, or nobody does.
        if type(adapter) is HTTPAdapter:
            session.mount(prefix, HTTPAdapter())
