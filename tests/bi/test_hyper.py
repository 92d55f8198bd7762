"""The Tableau extract, read back with the Hyper engine: every table, every row, types intact."""

# ruff: noqa: DTZ001 - instants in the marts are naive UTC; table names are our own

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from tableauhyperapi import Connection, HyperProcess, SqlType, TableName, Telemetry

from .conftest import Home


@pytest.fixture(scope="module")
def hyper(published: Home) -> Iterator[Connection]:
    usage_data = Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU
    with (
        HyperProcess(usage_data, parameters={"log_config": ""}) as process,
        Connection(process.endpoint, published.published / "marts.hyper") as connection,
    ):
        yield connection


def test_every_published_table_is_there_with_its_rows(hyper: Connection, published: Home) -> None:
    receipt = json.loads((published.published / "publication.json").read_text())
    for table in receipt["tables"]:
        definition = hyper.catalog.get_table_definition(TableName("marts", table["name"]))
        assert [column.name.unescaped for column in definition.columns] == [c["name"] for c in table["columns"]]
        assert hyper.execute_scalar_query(f"select count(*) from {definition.table_name}") == table["rows"]


def test_types_are_intact(hyper: Connection) -> None:
    columns = {
        column.name.unescaped: column.type
        for column in hyper.catalog.get_table_definition(TableName("marts", "dim_work_item")).columns
    }
    assert columns["created_at"] == SqlType.timestamp()
    assert columns["points"] == SqlType.double()
    assert columns["is_deleted"] == SqlType.bool()
    assert columns["title"] == columns["labels"] == SqlType.text()
    flow = hyper.catalog.get_table_definition(TableName("marts", "kpi_flow"))
    assert flow.get_column_by_name("period_start_date").type == SqlType.date()
    assert flow.get_column_by_name("delivered_items").type == SqlType.big_int()


def test_values_are_those_of_the_marts(hyper: Connection) -> None:
    rows = hyper.execute_list_query(
        'select "title", "labels", "created_at" from "marts"."dim_work_item" where "item_id" = \'7\''
    )
    ((title, labels, created_at),) = rows
    assert (title, json.loads(labels)) == ("ab", ["backend", "ab"])
    assert created_at.to_datetime() == datetime(2026, 2, 18, 6, 0)
