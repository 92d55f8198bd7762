"""The dbt project keeps its shape: layers, access, contracts, documentation; all read from dbt's own manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.warehouse import PROJECT, manifest

# Who may read whom. What core knows, nobody below it uses, but for its dimensions: those are conformed first.
READS = {
    "seeds": set[str](),
    "staging": {"staging"},
    "intermediate": {"seeds", "staging", "intermediate", "dimensions"},
    "dimensions": {"seeds", "staging", "intermediate", "dimensions"},
    "core": {"seeds", "staging", "intermediate", "dimensions", "core"},
    "preparation": {"seeds", "intermediate", "dimensions", "core", "preparation"},
    "marts": {"seeds", "intermediate", "dimensions", "core", "preparation", "marts"},
}
PUBLIC = {"dimensions", "core", "marts"}
# What says the unit of a number: its name, or a word of its description.
UNIT_NAMES = re.compile(r"_(hours|days|points|ratio|count|items|sequence|version|number)$")
UNIT_WORDS = re.compile(
    r"\b(hours?|days?|points?|ratio|share|score|count|unit|records|items|responses|people|sprints|tests?|year|quarter"
    r"|month|week|order|\d+ at the top|1, 2)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Models and seeds by unique id."""
    found = manifest(tmp_path_factory.mktemp("manifest")).nodes
    return {key: node for key, node in found.items() if str(node.resource_type) in ("model", "seed")}


def layer_of(node: Any) -> str:
    if str(node.resource_type) == "seed":
        return "seeds"
    folder = str(node.fqn[1])
    return "dimensions" if folder == "core" and node.name.startswith("dim_") else folder


def forbidden_reads(nodes: dict[str, Any]) -> Iterator[str]:
    for node in nodes.values():
        for key in getattr(node.depends_on, "nodes", []):  # a seed depends on macros alone
            if layer_of(nodes[key]) not in READS[layer_of(node)]:
                yield f"{layer_of(node)}: {node.name} reads {layer_of(nodes[key])}: {nodes[key].name}"


def test_layers_read_downwards_only(nodes: dict[str, Any]) -> None:
    assert list(forbidden_reads(nodes)) == []


@pytest.mark.parametrize(
    ("reader", "read"),
    [
        ("kpi_velocity", "stg_jira__sprints"),  # a mart and staging
        ("int_item_state", "fct_item_flow"),  # an intermediate model and a fact
        ("dim_team", "fct_sprint_item"),  # a dimension and a fact
        ("fct_item_flow", "kpi_flow"),  # core and a mart
        ("fct_item_flow", "int_flow_event"),  # core and what is made of it
        ("stg_jira__issues", "int_item"),  # staging and anything above
    ],
)
def test_a_forbidden_read_is_found(nodes: dict[str, Any], reader: str, read: str) -> None:
    (by, of) = (f"model.agile_pmo.{name}" for name in (reader, read))
    node = nodes[by]
    misled = type(node).from_dict(node.to_dict(omit_none=False))
    misled.depends_on.nodes.append(of)
    assert len(list(forbidden_reads({**nodes, by: misled}))) == 1


def test_only_staging_reads_raw_data(nodes: dict[str, Any]) -> None:
    """And two more: raw_record shows the landed files themselves, restatements compare with what was published."""
    reading = re.compile(r"\b(latest|landed|input|stream_inputs|raw_rows|read_parquet)\(")
    outside = {
        node.name
        for node in nodes.values()
        if layer_of(node) not in ("seeds", "staging") and reading.search(node.raw_code)
    }
    assert outside <= {"raw_record", "int_published_figure", "int_published_evidence", "int_published_stay", "int_run"}


def test_access_says_what_others_may_read(nodes: dict[str, Any]) -> None:
    """One group; tables of core and marts are public, but what is not published and all below is private."""
    for node in nodes.values():
        if layer_of(node) == "seeds":
            continue
        is_public = layer_of(node) in PUBLIC and node.config.meta.get("published", True)
        assert (node.config.group, node.access) == ("pmo", "public" if is_public else "private"), node.name


def test_contracts_are_enforced_on_every_table_of_core_and_marts(nodes: dict[str, Any]) -> None:
    public = [node for node in nodes.values() if layer_of(node) in PUBLIC and node.config.materialized != "ephemeral"]
    assert len(public) > 30
    for node in public:
        assert node.config.contract.enforced, node.name
        assert node.columns, node.name
        assert all(column.data_type for column in node.columns.values()), node.name


def test_every_model_says_its_grain(nodes: dict[str, Any]) -> None:
    for node in nodes.values():
        if layer_of(node) in PUBLIC:
            assert node.description.startswith("One row"), node.name
            assert set(node.config.meta["grain"]) <= (set(node.columns) or set(node.config.meta["grain"])), node.name
        elif layer_of(node) != "seeds":
            assert node.description, node.name


def test_every_column_has_a_meaning_and_every_number_a_unit(nodes: dict[str, Any]) -> None:
    """A contract lists all columns of a table, so none is missing here."""
    wrong = []
    for node in nodes.values():
        for column in node.columns.values():
            name = f"{node.name}.{column.name}"
            if len(column.description.strip()) < 3:
                wrong.append(f"{name} has no description")
            is_number = column.data_type in ("double", "integer", "bigint") and layer_of(node) in PUBLIC
            if is_number and not UNIT_NAMES.search(column.name) and not UNIT_WORDS.search(column.description):
                wrong.append(f"{name} has no unit: {column.description}")
    assert not wrong, "\n".join(wrong)


def test_seeds_are_documented(nodes: dict[str, Any]) -> None:
    for node in nodes.values():
        if layer_of(node) == "seeds":
            header = (PROJECT / "seeds" / Path(node.path).name).read_text().splitlines()[0]
            assert set(header.split(",")) == set(node.columns), node.name
            assert node.description
            assert all(column.description for column in node.columns.values()), node.name
