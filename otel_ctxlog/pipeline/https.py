"""The session of the HTTP exporter where a certificate is named: `requests` would rather believe its own variable."""

from __future__ import annotations

from typing import Any

from requests import Session

__all__ = ["CertificateSession"]


class CertificateSession(Session):
    """A session whose own certificate file wins over ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.

    In `requests` these variables beat `Session.verify`, so that on a machine that sets one of them
    ``OTEL_EXPORTER_OTLP_CERTIFICATE`` would have no effect.
    """

    def merge_environment_settings(
        self, url: str | bytes | None, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Return the settings of a request, with this session's certificate file if it has one."""
        settings: dict[str, Any] = dict(super().merge_environment_settings(url, proxies, stream, verify, cert))
        if isinstance(self.verify, str):
            settings["verify"] = self.verify
        return settings
