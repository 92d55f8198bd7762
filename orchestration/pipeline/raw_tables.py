"""Facts about the raw Delta tables that their logs know without reading a row."""

from __future__ import annotations

import pyarrow as pa

from extractors.tables import RawTable


def row_count(table: RawTable) -> int:
    """Rows of the table's current files, those of held batches included; 0 before the first landing."""
    delta = table.open()
    if delta is None:
        return 0
    actions = pa.table(delta.get_add_actions(flatten=True))
    return sum(actions["num_records"].to_pylist())
