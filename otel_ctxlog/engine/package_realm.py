"""The realm of the calling code's package."""

from __future__ import annotations

import inspect

from otel_ctxlog.engine.messages import Realm

__all__ = ["package_realm"]


def package_realm() -> Realm:
    """Return the realm of the calling module's package, dots turned into slashes.

    In module ``shop.db.pool`` it is ``Realm("shop/db")``; in a package's ``__init__`` that package; in a top-level
    module its own name; in ``__main__``, also under ``python -m``, ``Realm("__main__")``.
    """
    frame = inspect.currentframe()
    caller = None if frame is None else frame.f_back
    names = {} if caller is None else caller.f_globals
    module = names.get("__name__")
    if not isinstance(module, str) or not module or module == "__main__":
        return Realm("__main__")
    is_package = "__path__" in names
    package = module if is_package else module.rpartition(".")[0]
    return Realm((package or module).replace(".", "/"))
