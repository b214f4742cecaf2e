from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_ctxlog import config
from otel_ctxlog.config.controls import CONTROLS
from otel_ctxlog.config.elements import Kind
from otel_ctxlog.config.eventers import STANDARD_EVENTERS
from otel_ctxlog.config.kinds import is_dict, is_list, is_set
from otel_ctxlog.config.schema import json_schema
from otel_ctxlog.config.standard_types import STANDARD_TYPES

HERE = Path(__file__).parent
SHIPPED = Path(config.__file__).with_name("schema.json")
VALID = sorted((HERE / "valid").glob("*.yaml"))
BROKEN = sorted((HERE / "broken").glob("*.yaml"))
PAGES = sorted((HERE.parents[1] / "docs").glob("*.md"))
# What only loading can tell.
BEYOND = ("not YAML", "duplicate key", "second document", "tag '!!", "alias", "no regular expression", "Range")


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(json_schema())


def as_json(data: object) -> object:
    """Plain data as an editor sees them, which has texts for moments."""
    if is_dict(data):
        return {("off" if key is False else str(key)): as_json(value) for key, value in data.items()}
    if is_list(data):
        return [as_json(value) for value in data]
    if is_set(data):
        return {str(member): None for member in data}
    if isinstance(data, (dt.date, dt.datetime)):
        return data.isoformat()
    return data.hex() if isinstance(data, bytes) else data


def schemas(schema: object) -> list[dict[str, Any]]:
    """A schema and all inside it."""
    found: list[dict[str, Any]] = []
    if is_dict(schema):
        found.append(cast("dict[str, Any]", schema))
        for value in schema.values():
            found += schemas(value)
    elif is_list(schema):
        for value in schema:
            found += schemas(value)
    return found


def test_the_shipped_file_is_what_the_code_says() -> None:
    """`schema.json` is written from the tables of the code; python tests/config/<this file> writes it."""
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == json_schema()
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_every_type_and_every_key_is_in_it() -> None:
    """What loading knows, an editor completes, and no more: types, controls, top-level keys, eventers."""
    found: Any = json_schema()
    for kind in Kind:
        assert set(found["$defs"][kind.value]["properties"]) == set(STANDARD_TYPES[kind])
    for rule in ("rule", "controlled"):
        assert set(CONTROLS) < set(found["$defs"]["rule"]["properties"][rule]["properties"])
    for data in ({"x": 1}, {"rules": [{"rule": {"x": 1}}]}, {"rules": [{"controlled": {"x": 1}}]}):
        with pytest.raises(config.ConfigError) as caught:
            config.load(data)
        allowed = set(caught.value.problem.partition("allowed: ")[2].partition(";")[0].split(", "))
        where = found if "x" in data else found["$defs"]["rule"]["properties"][next(iter(data["rules"][0]))]  # type: ignore[index]
        assert set(where["properties"]) == allowed
    eventer = found["$defs"]["eventer"]
    kinds = [one["if"]["properties"]["type"]["const"] for one in eventer["allOf"]]
    assert kinds == eventer["properties"]["type"]["anyOf"][0]["enum"] == list(STANDARD_EVENTERS)


def test_an_error_in_an_eventer_is_about_its_type(validator: Any) -> None:
    """Not about all the types that it is not."""
    errors = list(validator.iter_errors({"eventers": {"audit": {"type": "otlp", "levl": "Info"}}}))

    assert [(error.json_path, "'levl' was unexpected" in error.message) for error in errors] == [
        ("$.eventers.audit", True)
    ]


def test_everything_is_described() -> None:
    """An editor has something to say about each key."""
    found: Any = json_schema()
    definitions = found["$defs"]
    for schema in schemas(found):
        for name, part in schema.get("properties", {}).items():
            if not is_dict(part) or set(part) in ({"enum"}, {"not"}, {"const"}):
                continue
            reference = str(part.get("$ref", "")).rpartition("/")[2]
            told = "description" in part or "description" in definitions.get(reference, {})
            assert told or part.get("pattern"), name


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.stem)
def test_every_valid_file_is_valid(file: Path, validator: Any) -> None:
    """The corpus of what can be loaded."""
    assert [one.message for one in validator.iter_errors(as_json(yaml.safe_load(file.read_text())))] == []


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_most_mistakes_are_seen_by_an_editor(file: Path, validator: Any) -> None:
    """A file with a warning is valid; one with an error is not, unless only loading can tell."""
    first, _, text = file.read_text().partition("\n")
    code, _, words = first.removeprefix("# expect: ").partition(" ")
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        assert code == "error"
        return
    errors = list(validator.iter_errors(as_json(data)))
    beyond = any(word in words for word in (*BEYOND, "began at"))

    assert bool(errors) == (code == "error" and not beyond), errors


def test_every_configuration_on_a_page_is_valid(validator: Any) -> None:
    """What the documentation shows."""
    blocks = [
        text for page in PAGES for text in re.findall(r"(?ms)^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"))
    ]
    rules = [data for data in map(yaml.safe_load, blocks) if "rules" in data or "defaultLevel" in data]

    assert len(rules) > 2
    for data in rules:
        assert [one.message for one in validator.iter_errors(as_json(data))] == [], data


names = st.sampled_from(["a", "tenant", "shop/db"])
values: Any = st.one_of(
    st.sampled_from([1, "x", True, None, [1], {"a": 1}]).map(config.value),
    st.just(config.glob("a*")),
    st.just(config.regex("^a")),
    st.lists(st.integers(), max_size=2).map(lambda found: config.oneof(*found)),
    st.sampled_from([config.range_(1, 2), config.range_(), config.range_(min=1.5)]),
    st.just(config.exists()),
)
conditions: Any = st.recursive(
    st.one_of(
        names.map(config.tag),
        names.map(config.realm),
        names.map(config.realmprefix),
        *(st.builds(make, names, values) for make in (config.attribute, config.baggage, config.span, config.resource)),
        names.map(config.spanname),
        st.booleans().map(config.sampled),
    ),
    lambda inner: (
        inner.map(config.not_)
        | st.lists(inner, max_size=2).map(lambda found: config.and_(*found))
        | st.lists(inner, max_size=2).map(lambda found: config.or_(*found))
    ),
    max_leaves=4,
)
levels: Any = st.sampled_from(["Info", "off", " dEbuG ", "warning", "7", 0, 12, False])
ODD: list[object] = [None, True, False, 0, -1, 1, 1.5, 200, "", "x", "15m", "100/s", [], {}, [1], {"count": 1}]
odd: Any = st.sampled_from(ODD)
limits: Any = st.fixed_dictionaries({"rate": odd}, optional={"burst": odd, "per": odd})
firsts: Any = st.fixed_dictionaries({"count": odd}, optional={"every": odd, "within": odd})
controls: Any = st.dictionaries(
    st.sampled_from([*CONTROLS, "extra"]),
    cast("Any", st).one_of(odd, limits, firsts),
    max_size=2,
)


@settings(deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
@given(level=levels, found=st.lists(conditions, max_size=2), extra=controls, around=st.booleans())
def test_schema_and_loading_agree(level: Any, found: Any, extra: Any, around: bool, validator: Any) -> None:
    """Random rules with right and wrong controls: valid to the one just where it is to the other."""
    rule: Any = config.rule(level, *found)
    if around:
        rule = {"controlled": {"rule": rule, **extra}}
    else:
        rule["rule"].update(extra)
    data = {"defaultLevel": level, "rules": [rule]}
    try:
        config.load(data)
        loads = True
    except config.ConfigError:
        loads = False

    assert validator.is_valid(data) == loads, data


if __name__ == "__main__":
    SHIPPED.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
