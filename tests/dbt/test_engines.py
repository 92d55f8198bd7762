"""Functions that engines name differently stand in macros behind dispatch. Of functions alone: syntax that other
engines lack (`asof join`, `group by all`, `exclude`) is not looked for."""

from __future__ import annotations

import re

import pytest

from tests.dbt.warehouse import PROJECT

# Functions of DuckDB that other engines do not have under these names.
OWN = re.compile(
    r"(?<![\w.])(arg_(?:min|max)(?:_null)?|array_to_string|asof|chr|dayname|epoch(?:_\w+)?|generate_series|iso(?:dow|year)|len"
    r"|list(?:_(?:aggregate|contains|distinct|filter|intersect|max|min|position|slice|sort|sum|transform))?|monthname|quantile_cont"
    r"|read_\w+|regexp_split_to_array|string_split|struct_pack|timezone|to_\w+|unnest|url_encode)\s*\("
)
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|--[^\n]*", re.DOTALL)
FILES = sorted(file for folder in ("models", "tests") for file in (PROJECT / folder).rglob("*.sql"))


@pytest.mark.parametrize("text", ["select list_sort(names)", "max(epoch_us (at))", "cast(unnest(days) as date)"])
def test_the_search_finds_them(text: str) -> None:
    assert OWN.search(text)


def test_models_and_tests_use_no_function_of_one_engine() -> None:
    assert len(FILES) > 100
    found = {
        str(file.relative_to(PROJECT)): names
        for file in FILES
        if (names := sorted({match[1] for match in OWN.finditer(JINJA.sub(" ", file.read_text()))}))
    }
    assert found == {}


def test_nor_do_expressions_that_they_hand_to_macros() -> None:
    found = {
        str(file.relative_to(PROJECT)): names
        for file in FILES
        if (names := sorted({match[1] for text in _texts(file.read_text()) for match in OWN.finditer(text)}))
    }
    assert found == {}


def _texts(model: str) -> list[str]:
    """Texts in double quotes within Jinja."""
    return [
        text
        for part in re.findall(r"\{\{.*?\}\}|\{%.*?%\}", model, re.DOTALL)
        for text in re.findall(r'"([^"]*)"', part)
    ]
