from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from otel_ctxlog import config

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024


def value_text(text: str) -> str:
    """A valid document in which the YAML `text` stands as a value, at the seventh level and below."""
    return f"{{rules: [{{rule: {{level: 1, conditions: [{{attribute: {{name: a, value: {{value: {text}}}}}}}]}}}}]}}"


def value_data(data: object) -> dict[str, list[object]]:
    """The same as a mapping."""
    return {"rules": [config.rule(1, config.attribute("a", data))]}


# The collections around the value in these two: root, rules, element, rule, conditions, element, attribute, value.
AROUND = 8


def nested(levels: int) -> list[object]:
    """A list of so many levels."""
    data: list[object] = []
    for _ in range(levels - 1):
        data = [data]
    return data


def test_one_mebibyte_of_text_is_allowed_and_one_byte_more_is_not(tmp_path: Path) -> None:
    """The limit counts bytes of UTF-8, whatever the source."""
    exact = "{}" + " " * (MIB - 2)
    file = tmp_path / "large.yaml"

    assert config.load(exact) == config.load(exact.encode()) == config.load(exact.encode("utf-16")) == config.Config()

    file.write_text(exact + " ", encoding="utf-8")
    umlauts = "#" + "ü" * (MIB // 2)
    for source in (exact + " ", exact.encode() + b" ", umlauts, umlauts.encode("utf-16"), file):
        with pytest.raises(config.ConfigError, match="too large: more than 1048576 bytes"):
            config.load(source)


def test_the_texts_of_a_mapping_have_the_same_limit() -> None:
    """Mappings and Config objects cannot bring more text than a file."""
    config.load(value_data("x" * (MIB - 200)))

    for source in (
        value_data("x" * (MIB + 1)),
        config.Config(rules=value_data(["x" * (MIB // 2), "y" * (MIB // 2)])["rules"]),
        value_data(b"x" * MIB),
    ):
        with pytest.raises(config.ConfigError, match="too large: more than 1048576 bytes"):
            config.load(source)


def test_sixty_four_levels_are_allowed_and_one_more_is_not() -> None:
    """Lists and mappings count alike, in texts, mappings and Config objects, through aliases too."""
    inner = 64 - AROUND

    config.load(value_text("[" * inner + "]" * inner))
    config.load(value_data(nested(inner)))
    config.load(value_text(f"[&a {'[' * (inner - 3)}{']' * (inner - 3)}, [*a]]"))

    deep: list[Any] = [
        value_text("[" * (inner + 1) + "]" * (inner + 1)),
        value_data(nested(inner + 1)),
        config.Config(rules=value_data(nested(inner + 1))["rules"]),
        value_text(f"[&a {'[' * (inner - 1)}{']' * (inner - 1)}, [[*a]]]"),
    ]
    for source in deep:
        with pytest.raises(config.ConfigError, match="nested too deeply: more than 64 levels"):
            config.load(source)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "[{a: " * 50_000, "[" * 500_000 + "]" * 500_000],
)
def test_very_deep_texts_fail_quickly(text: str) -> None:
    """No recursion and no long wait, however deep."""
    begin = time.perf_counter()

    with pytest.raises(config.ConfigError, match="nested too deeply"):
        config.load(text)

    assert time.perf_counter() - begin < 60


def test_structures_that_contain_themselves_are_errors() -> None:
    """A mapping or list inside itself is an error with its place, in to_yaml too."""
    loop: list[object] = []
    loop.append({"x": loop})
    mapping: dict[str, object] = {}
    mapping["rules"] = [mapping]

    with pytest.raises(
        config.ConfigError,
        match=r"^rules\[0\]\.rule\.conditions\[0\]\.attribute\.value\.value\[0\]\.x: .*contains itself",
    ):
        config.load(value_data(loop))
    with pytest.raises(config.ConfigError, match=r"^rules\[0\]: .*contains itself"):
        config.load(mapping)
    with pytest.raises(config.ConfigError, match="contains itself"):
        config.Config(rules=[loop]).to_yaml()
    deep: list[object] = nested(100_000)
    with pytest.raises(config.ConfigError, match="nested too deeply"):
        config.load({"rules": deep})
    while deep:  # its destructor is recursive
        deep = deep.pop()  # type: ignore[assignment]


def test_a_million_nodes_through_aliases_is_the_limit() -> None:
    """Aliases count as often as they are used, and nothing is expanded to find out."""
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"] + [
        f"- &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)
    ]
    laughs = "rules:\n" + "\n".join(lines)
    level: list[object] = ["x"] * 10
    for _ in range(30):
        level = [level] * 10

    tracemalloc.start()
    begin = time.perf_counter()
    with pytest.raises(config.ConfigError, match="more than 1000000 nodes, aliases expanded"):
        config.load(laughs)
    with pytest.raises(config.ConfigError, match="more than 1000000 nodes, aliases expanded"):
        config.load(value_data(level))
    seconds = time.perf_counter() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert seconds < 30
    assert peak < 10 * MIB


def test_what_stays_below_the_limit_through_aliases_loads_quickly_and_prints() -> None:
    """Nearly a million nodes in a short text: one object for each anchor, and a text that reads back equal."""
    ors = ["&a0 {tag: a-tag-with-a-long-name}"] + [
        f"&a{i} {{or: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 6)
    ]
    text = f"rules: [{{rule: {{level: 1, conditions: [{', '.join(ors)}]}}}}]"

    begin = time.perf_counter()
    loaded = config.load(text)
    again = config.load(loaded.to_yaml())

    assert again == loaded
    assert time.perf_counter() - begin < 100


def test_a_list_of_more_than_a_million_is_refused() -> None:
    """Mappings cannot be larger than texts."""
    with pytest.raises(config.ConfigError, match="more than 1000000 nodes"):
        config.load(value_data([0] * 1_000_001))
    with pytest.raises(config.ConfigError, match="more than 1000000 nodes"):
        config.load(value_data({i: i for i in range(500_001)}))


@pytest.mark.parametrize(
    "text",
    [
        ":".join(["1"] * 100_000),
        "0x" + "f" * 100_000,
        "9" * 100_000,
        "1:" + "0:" * 100_000 + "0.5",
        "'" + "9" * 100_000 + "'",
    ],
)
def test_huge_numbers_are_quick(text: str) -> None:
    """A number of any length is read or refused at once, as a level too."""
    begin = time.perf_counter()

    for document in (value_text(text), f"defaultLevel: {text}"):
        try:
            config.load(document)
        except config.ConfigError as error:
            assert len(str(error)) < 1_000  # noqa: PT017 - valid or refused, both are right

    assert time.perf_counter() - begin < 60


def test_ten_thousand_rules_load_in_seconds() -> None:
    """A file with a rule for each of 10,000 tenants is read, written and read again quickly."""
    rules = [config.rule("Debug", config.baggage("tenant", f"tenant-{i}")) for i in range(10_000)]

    begin = time.perf_counter()
    text = config.Config("Info", rules).to_yaml()
    loaded = config.load(text)

    assert loaded == config.Config("Info", rules)
    assert time.perf_counter() - begin < 100
