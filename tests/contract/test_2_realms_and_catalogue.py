"""Section 2 of the contract: `package_realm`, and the catalogue of defined tags and realms."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import otel_ctxlog as cl

if TYPE_CHECKING:
    from .records import FreshProcess

PLACES = """
    import otel_ctxlog as cl
    from otel_ctxlog import package_realm as pr

    module = pr()
    in_lambda = (lambda: pr())()
    in_list = [pr() for _ in range(1)][0]
    in_generator = next(pr() for _ in range(1))
    mapped = list(map(lambda _: cl.package_realm(), [0]))[0]

    def function():
        def inner():
            return cl.package_realm()
        return inner()

    class Class:
        body = pr()

        def method(self):
            return pr()

        @staticmethod
        def static():
            return pr()

        @classmethod
        def klass(cls):
            return pr()

        @property
        def prop(self):
            return pr()

    async def coroutine():
        return pr()

    def default(realm=pr()):
        return realm

    def all_places():
        try:
            coroutine().send(None)
        except StopIteration as stop:
            awaited = stop.value
        c = Class()
        places = [module, in_lambda, in_list, in_generator, mapped, function(), c.body, c.method(), c.static(),
                  c.klass(), c.prop, awaited, default()]
        assert all(type(place) is cl.Realm for place in places), places
        return sorted({place.name for place in places})
    """
SHOW = PLACES + "\n    print(all_places())\n"

FILES = {
    "shop/__init__.py": PLACES,
    "shop/db/__init__.py": PLACES,
    "shop/db/pool.py": PLACES,
    "shop/db/tool.py": SHOW,
    "shop/__main__.py": SHOW,
    "top.py": PLACES,
    "spaces/inside/module.py": PLACES,
}


@pytest.mark.parametrize(
    ("module", "realm"),
    [
        ("shop.db.pool", "shop/db"),
        ("shop.db", "shop/db"),
        ("shop", "shop"),
        ("top", "top"),
        ("spaces.inside.module", "spaces/inside"),
    ],
)
def test_package_realm_is_the_package_of_the_calling_module(
    fresh_process: FreshProcess, module: str, realm: str
) -> None:
    """The package of the calling module, dots to slashes; a package in its `__init__`; a top-level module itself.

    The same at module level, in functions, methods, lambdas, comprehensions, class bodies and coroutines, and whoever
    calls the function that asks.
    """
    printed = fresh_process(f"import {module} as module\nprint(module.all_places())", files=FILES)

    assert printed == str([realm])


def test_package_realm_in_a_script(fresh_process: FreshProcess) -> None:
    """In `__main__` it is `Realm("__main__")`."""
    assert fresh_process(SHOW) == "['__main__']"


@pytest.mark.parametrize("module", ["shop.db.tool", "shop", "top_tool"])
def test_package_realm_under_python_m(fresh_process: FreshProcess, module: str) -> None:
    """In `__main__` also under `python -m` it is `Realm("__main__")`, in a package too."""
    fresh_process.write({**FILES, "top_tool.py": SHOW})

    assert fresh_process.run(["-m", module]) == "['__main__']"


def test_package_realm_here() -> None:
    """In this module it is the package of this module."""
    package = __name__.rpartition(".")[0] or __name__

    assert cl.package_realm() == cl.Realm(package.replace(".", "/"))


DEFINERS = [
    pytest.param(cl.define_tag, cl.tag_definitions, cl.Tag, id="tag"),
    pytest.param(cl.define_realm, cl.realm_definitions, cl.Realm, id="realm"),
]
Define = Callable[..., object]
Definitions = Callable[[], dict[str, list[str]]]


def _name() -> str:
    return f"contract/{uuid.uuid4()}"


@pytest.mark.parametrize(("define", "definitions", "kind"), DEFINERS)
def test_defining_constructs(define: Define, definitions: Definitions, kind: type[cl.Tag]) -> None:
    """`define_tag` and `define_realm` return what the constructors do."""
    name = _name()

    defined = define(name, "what it is for")

    assert defined == kind(name)
    assert type(defined) is kind
    assert definitions()[name] == ["what it is for"]


@pytest.mark.parametrize(("define", "definitions", "kind"), DEFINERS)
def test_descriptions_are_distinct_non_empty_and_sorted(
    define: Define,
    definitions: Definitions,
    kind: type[cl.Tag],
) -> None:
    """The catalogue: name to its distinct non-empty descriptions, sorted."""
    name = _name()

    for description in ("z", "", "b", "z", "a"):
        define(name, description)
    define(name)
    define(name, description="c")

    assert definitions()[name] == ["a", "b", "c", "z"]


@pytest.mark.parametrize(("define", "definitions", "kind"), DEFINERS)
def test_a_name_without_description_is_in_the_catalogue(
    define: Define,
    definitions: Definitions,
    kind: type[cl.Tag],
) -> None:
    """A name defined without description is entered, with none; a mere constructor enters nothing."""
    defined, constructed = _name(), _name()

    define(defined)
    kind(constructed)

    assert definitions()[defined] == []
    assert constructed not in definitions()


@pytest.mark.parametrize(("define", "definitions", "kind"), DEFINERS)
def test_the_catalogue_given_is_a_copy(
    define: Define,
    definitions: Definitions,
    kind: type[cl.Tag],
) -> None:
    """The definitions are a copy, down to the lists: changing it changes nothing; it is a plain dict of lists."""
    name = _name()
    define(name, "d")

    taken = definitions()
    taken[name].append("mine")
    taken["mine"] = []

    assert definitions()[name] == ["d"]
    assert "mine" not in definitions()
    assert type(taken) is dict
    assert type(taken[name]) is list


@pytest.mark.parametrize(("define", "definitions", "kind"), DEFINERS)
def test_an_empty_name_is_not_entered(
    define: Define,
    definitions: Definitions,
    kind: type[cl.Tag],
) -> None:
    """As the constructors: an empty name is a `ValueError`, and is not entered."""
    with pytest.raises(ValueError):
        define("", "d")

    assert "" not in definitions()


def test_tags_and_realms_have_catalogues_of_their_own() -> None:
    """A defined tag is no defined realm, and the other way round."""
    tag, realm = _name(), _name()

    cl.define_tag(tag, "t")
    cl.define_realm(realm, "r")

    assert tag not in cl.realm_definitions()
    assert realm not in cl.tag_definitions()


def test_the_catalogue_is_safe_from_many_threads() -> None:
    """Definitions from many threads are all there."""
    name = _name()

    def define(i: int) -> None:
        cl.define_tag(name, f"{i:04}")
        cl.tag_definitions()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(define, range(400)))

    assert cl.tag_definitions()[name] == [f"{i:04}" for i in range(400)]
