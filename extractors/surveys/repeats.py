"""Which of several answers with one id holds, and which landed answers are gone. No I/O.

The rule: of all rows with the same survey, response id and question the one submitted last holds; at
the same instant the one in the file whose name sorts last, and in one file the later line. A person who
answered twice under two ids gave two responses (unless `repeat_days` says otherwise, downstream). An answer
vanishes when the file that it was landed from is still there and no file holds it any more; a file that is gone,
or cannot be used, takes nothing with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

KEY_COLUMNS = ("record_id", "submitted_at", "source_line")
EARLIEST = np.iinfo(np.int64).min


@dataclass
class Outcome:
    """`kept`: which rows of each file are landed. `vanished`: ids that the files no longer have.

    `repeated`: how many rows of each file are left out, because another one with their id holds.
    """

    kept: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)


def settle(read: Mapping[str, pa.Table], landed: pa.Table, landed_names: Mapping[str, str]) -> Outcome:
    """Decide between the rows just read and those landed before.

    `read` holds KEY_COLUMNS by file; `landed` those and `source_file` of what is visible and not deleted. Rows landed
    from the files that were read are replaced by the reading; rows landed from others stand as they are.
    `landed_names`: what a file is called in `source_file`. Ids in both are as they are landed.
    """
    is_replaced = pc.is_in(landed["source_file"], pa.array([landed_names[name] for name in read], pa.string()))
    standing = landed.filter(pc.invert(is_replaced))
    names = sorted({*read, *standing["source_file"].unique().to_pylist()})
    ranks = {name: rank for rank, name in enumerate(names)}
    standing_ranks = pc.index_in(standing["source_file"], pa.array(names, pa.string()))
    tables = [standing.select(KEY_COLUMNS), *(table.select(KEY_COLUMNS) for table in read.values())]
    files = [np.asarray(standing_ranks, np.int64)]
    files += [np.full(table.num_rows, ranks[name], np.int64) for name, table in read.items()]
    is_best = _best(pa.concat_tables(tables), np.concatenate(files))

    outcome = Outcome()
    place = standing.num_rows
    for name, table in read.items():
        outcome.kept[name] = is_best[place : place + table.num_rows]
        outcome.repeated[name] = int(table.num_rows - outcome.kept[name].sum())
        place += table.num_rows
    replaced = landed.filter(is_replaced)["record_id"]
    present = pa.chunked_array([chunk for table in read.values() for chunk in table["record_id"].chunks], pa.string())
    outcome.vanished = replaced.filter(pc.invert(pc.is_in(replaced, present))).to_pylist()
    return outcome


def _best(keys: pa.Table, files: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """For every row whether it is the one that holds among those with its id."""
    encoded = keys["record_id"].combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices)
    submitted = np.asarray(pc.fill_null(keys["submitted_at"].cast(pa.int64()), EARLIEST))
    order: npt.NDArray[Any] = np.lexsort([np.asarray(keys["source_line"]), files, submitted, codes])
    in_order = codes[order]
    is_best = np.zeros(len(codes), np.bool_)
    is_best[order[np.append(in_order[1:] != in_order[:-1], True)[: len(order)]]] = True
    return is_best
