"""What is landed of an online tool's surveys: how many responses, what vanished, which rejects were put right."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from extractors.brake import allows
from extractors.errors import TooManyDeleted
from extractors.surveys.api.model import Survey
from extractors.surveys.api.rows import Rows
from extractors.writing import Writer

RESPONSES = "surveys/responses"
REJECTS = "surveys/rejects"


@dataclass
class Walk:
    """What one reading of a survey gave: response ids and the ids of the rows made from them."""

    responses: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)

    def take(self, rows: Rows) -> None:
        self.responses |= rows.seen
        self.records.update(row["record_id"] for row in rows.answers)
        self.records.difference_update(row["record_id"] for row in rows.rejects)


class Landed:
    """The visible rows of surveys/responses and surveys/rejects, read anew after every commit."""

    def __init__(self, writer: Writer, max_deleted_ratio: float) -> None:
        self.writer = writer
        self.max_deleted_ratio = max_deleted_ratio
        self._table: pa.Table | None = None
        self._rejects: set[str] | None = None

    def forget(self) -> None:
        self._table = None

    def count(self, survey_id: str) -> int:
        """Responses that are landed and not deleted; one whose every answer was unreadable is among them."""
        alive = self._of(survey_id, is_deleted=False)
        rejected = {response_of(key) for key in self._alive_rejects() if key.startswith(f"{survey_id}:")}
        return len(rejected.union(alive["response_id"].to_pylist()))

    def deleted(self, survey_id: str) -> int:
        gone = pc.unique(self._of(survey_id, is_deleted=True)["response_id"]).to_pylist()
        return len(set(gone) - set(self._of(survey_id, is_deleted=False)["response_id"].to_pylist()))

    def rejected(self, survey_id: str) -> int:
        """Responses with an answer that cannot be read."""
        return len({response_of(key) for key in self._alive_rejects() if key.startswith(f"{survey_id}:")})

    def settle_rejects(self, survey: Survey, rows: Rows) -> None:
        """Land the rejects of one page; an answer that can be read now is no reject any more, and the reverse."""
        if rows.rejects:
            self.writer.append(REJECTS, rows.rejects)
        bad = {row["record_id"] for row in rows.rejects}
        known = self._alive_rejects()
        cured = [key for key in known if response_of(key) in rows.seen and key not in bad and _is_of(key, survey)]
        self.writer.delete(REJECTS, sorted(cured))
        self.writer.delete(
            RESPONSES, sorted(bad.intersection(self._of(survey.id, is_deleted=False)["record_id"].to_pylist()))
        )
        known.difference_update(cured)
        known.update(bad)

    def delete_missing(self, survey: Survey, walk: Walk) -> None:
        """After a reading of everything: what it did not give is gone. Raises TooManyDeleted if that is too much."""
        alive = self._of(survey.id, is_deleted=False)
        landed = set(alive["response_id"].to_pylist())
        missing = landed - walk.responses
        if not allows(len(missing), len(landed), self.max_deleted_ratio):
            raise TooManyDeleted(
                self.writer.connection.id,
                f"survey {survey.id}",
                remedy="Nothing was deleted. If they were deleted on purpose, raise max_deleted_ratio for one run",
                detail=f"{len(missing):,} of {len(landed):,} landed responses are not there any more",
            )
        self.writer.delete(RESPONSES, sorted(set(alive["record_id"].to_pylist()) - walk.records))
        known = self._alive_rejects()
        gone = [key for key in known if _is_of(key, survey) and response_of(key) not in walk.responses]
        self.writer.delete(REJECTS, sorted(gone))
        known.difference_update(gone)

    def _of(self, survey_id: str, *, is_deleted: bool) -> pa.Table:
        if self._table is None:
            columns = ["record_id", "response_id", "source_file", "is_deleted"]
            self._table = self.writer.landing.latest(RESPONSES, self.writer.connection.id, columns)
        is_own = pc.equal(self._table["source_file"], survey_id)
        return self._table.filter(pc.and_(is_own, pc.equal(self._table["is_deleted"], is_deleted)))

    def _alive_rejects(self) -> set[str]:
        if self._rejects is None:
            self._rejects = self.writer.alive(REJECTS)
        return self._rejects


def _is_of(key: str, survey: Survey) -> bool:
    return key.startswith(f"{survey.id}:")


def response_of(record_id: str) -> str:
    """`<survey>:<response>:<question>` -> the response. No tool has colons in ids of surveys and responses."""
    return record_id.split(":", 2)[1]
