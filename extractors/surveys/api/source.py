"""The course of a run over an online survey tool; `qualtrics`, `surveymonkey` and `typeform` fill in the calls.

Survey by survey: its definition (which questions count, on which scale), then the responses that changed since the
last run less an overlap, then the tool's own count against what is landed. Once a day, on `--full`, and whenever the
two counts differ in a new way, everything is read again; what does not come any more is deleted. Each survey ends
with a commit of its own, so a first load that was cut off goes on where it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from extractors.connection import SILENT, CheckLine, Coverage, ExtractReport, Progress, SurveyApiConnection
from extractors.errors import (
    AccessDenied,
    BadRequest,
    ConfigError,
    Gone,
    NotFound,
    NotJson,
    RepeatedPage,
    SchemaChanged,
    TooManyDeleted,
    Truncated,
)
from extractors.landing import Landing, Run
from extractors.surveys.api.client import SurveyClient
from extractors.surveys.api.cursor import SurveyCursor, SurveyMemory, declaration_of
from extractors.surveys.api.doctor import check_surveys
from extractors.surveys.api.landed import REJECTS, RESPONSES, Landed, Walk
from extractors.surveys.api.model import Page, Survey
from extractors.surveys.api.rows import rows_of
from extractors.writing import Writer

COMMIT_RESPONSES = 5_000
CLOCK_TOLERANCE = timedelta(minutes=5)
OF_ONE_SURVEY = (
    AccessDenied, BadRequest, ConfigError, Gone, NotFound, NotJson, RepeatedPage, SchemaChanged, TooManyDeleted,
    Truncated,
)  # fmt: skip


class SurveyApiSource(ABC):
    """One configured account of an online survey tool."""

    responses_per_request = 100  # for what doctor says of the cost
    seconds_per_request = 1.0
    requests_per_day: int | None = None  # the vendor's limit for ordinary accounts, if it may be felt

    def __init__(self, connection: SurveyApiConnection, *, progress: Progress = SILENT) -> None:
        self.connection = connection
        self.progress = progress

    @property
    @abstractmethod
    def client(self) -> SurveyClient:
        """The client that all calls go through."""

    @abstractmethod
    def survey(self, survey_id: str) -> Survey:
        """The survey with the questions that count. Raises ConfigError if none does."""

    @abstractmethod
    def total(self, survey: Survey) -> int | None:
        """How many responses the tool says it has; None: it does not say."""

    @abstractmethod
    def pages(self, survey: Survey, since: datetime | None) -> Iterator[Page]:
        """All responses that changed since then. Raises unless the tool gave them to the end."""

    def repeated(self) -> int:
        """How many entries of the last complete reading were the same response again."""
        return 0

    def extract(self, landing: Landing, run: Run) -> ExtractReport:
        """Land what is new or changed. A survey that cannot be read is a failure in the report; the others go on."""
        if self.connection.respondent_field and not self.connection.pseudonym_key:
            raise ConfigError(
                self.connection.id,
                "respondent_field",
                remedy="Give PMO_PSEUDONYM_KEY; respondents are landed as keyed hashes.",
            )
        with landing.exclusive(self.connection.id):
            return _Extraction(self, landing, self._by_the_tools_clock(run)).run()

    def check(self) -> list[CheckLine]:
        """For `pmo doctor`."""
        return check_surveys(self)

    def _by_the_tools_clock(self, run: Run) -> Run:
        """The run as the tool sees it: its clock is the one that responses are dated with."""
        with contextlib.suppress(*OF_ONE_SURVEY):  # what is wrong with a survey is told when it is its turn
            self.survey(self.connection.survey_ids[0])
        theirs = self.client.tool_time
        offset = theirs - datetime.now(UTC) if theirs else timedelta(0)
        is_same = theirs is None or abs(offset) < CLOCK_TOLERANCE or abs(theirs - run.started_at) < CLOCK_TOLERANCE
        return run if is_same else dataclasses.replace(run, started_at=run.started_at + offset, clock_offset=offset)


class _Extraction:
    """One run."""

    def __init__(self, source: SurveyApiSource, landing: Landing, asked: Run) -> None:
        self.source, self.connection, self.asked = source, source.connection, asked
        self.report = ExtractReport(self.connection.id, asked.run_id)
        self.writer = Writer(landing, asked, self.connection, self.report)
        self.cursor = SurveyCursor.read(landing.cursor(self.connection.id))
        self.landed = Landed(self.writer, self.connection.max_deleted_ratio)
        self.coverage: dict[str, Coverage] = {}

    def run(self) -> ExtractReport:
        for survey_id in self.connection.survey_ids:
            try:
                self._read(survey_id)
            except OF_ONE_SURVEY as error:
                self.report.failures.append(error)
                self.coverage[survey_id] = self._kept(survey_id, str(error))
        if len(self.report.failures) == len(self.connection.survey_ids):
            raise self.report.failures[0]
        for survey_id in self.cursor.surveys:
            if survey_id not in self.connection.survey_ids:
                reason = "the survey is not selected any more; what was landed of it is kept"
                self.coverage[survey_id] = self._kept(survey_id, reason)
        self.writer.cover(self.coverage.values())
        self.writer.describe(
            deployment="cloud", name=self.connection.kind, url=self.connection.url, time_zone=self._zone(),
            tool_version=None,
        )  # fmt: skip
        self._commit(is_final=True)
        self.report.requests = self.source.client.http.adapter.requests
        self.report.waited_seconds = self.source.client.http.waited_seconds
        return self.report

    def _zone(self) -> str:
        return self.connection.time_zone or "UTC"

    def _read(self, survey_id: str) -> None:
        survey = self.source.survey(survey_id)
        memory = self.cursor.memory(survey_id, declaration_of(self.connection, survey))
        self.cursor.surveys[survey_id] = memory
        overlap = timedelta(hours=self.connection.overlap_hours)
        since = memory.since(self.asked, overlap)
        before = self.source.total(survey)
        walk, is_complete = self._walk(survey, memory, since), since is None
        expected = self._agreed(survey, before, memory.gap)
        if not is_complete and expected is not None and expected - self.landed.count(survey.id) != memory.gap:
            # The tool counts more or fewer responses than are landed, and not by what we know already.
            walk, is_complete = self._walk(survey, memory, None), True
        if is_complete:
            self.landed.delete_missing(survey, walk)
            memory.census_at = self.asked.started_at
        memory.read_from, memory.reached = self.asked.started_at, None
        self._commit()
        if is_complete:
            expected = self._agreed(survey, before, 0)
            memory.gap, memory.repeated = (expected or 0) - self.landed.count(survey.id), self.source.repeated()
        self.coverage[survey_id] = self._covered(survey, expected, memory.repeated)

    def _agreed(self, survey: Survey, before: int | None, gap: int) -> int | None:
        """The tool's own count, taken before and if need be again after the reading: responses come and go meanwhile.

        What is landed (and `gap`) agrees with it if it lies between the two; else it is the nearer one of them.
        """
        landed = self.landed.count(survey.id) + gap
        if before is None or before == landed:
            return before
        low, high = sorted((before, self.source.total(survey) or before))
        return min(max(landed, low), high)

    def _walk(self, survey: Survey, memory: SurveyMemory, since: datetime | None) -> Walk:
        walk = Walk()
        waiting = 0
        for page in self.source.pages(survey, since):
            rows = rows_of(self.connection, survey, page.responses).cleaned(self.writer.landing.erasures)
            self.writer.append(RESPONSES, rows.answers)
            self.landed.settle_rejects(survey, rows)
            walk.take(rows)
            waiting += len(rows.seen)
            self.source.progress.advance(RESPONSES, len(walk.responses), page.expected)
            if memory.read_from is None and page.reached is not None and waiting >= COMMIT_RESPONSES:
                memory.reached, waiting = page.reached, 0
                self._commit()
        self._commit()
        return walk

    def _commit(self, *, is_final: bool = False) -> None:
        if is_final or self.writer.batch.has_rows:
            self.writer.commit(msgspec.to_builtins(self.cursor), is_final=is_final)
            self.landed.forget()

    def _covered(self, survey: Survey, expected: int | None, repeated: int) -> Coverage:
        rejected = self.landed.rejected(survey.id)
        reasons = [
            text
            for number, text in (
                (rejected, f"answers of {rejected:,} responses cannot be read, see {REJECTS}"),
                (repeated, f"{repeated:,} entries of the tool's list are there twice"),
            )
            if number
        ]
        return Coverage(
            RESPONSES,
            survey.id,
            expected=expected,
            got=self.landed.count(survey.id),
            deleted=self.landed.deleted(survey.id),
            skipped=rejected + repeated,
            reason="; ".join(reasons) or None,
        )

    def _kept(self, survey_id: str, reason: str) -> Coverage:
        return Coverage(RESPONSES, survey_id, got=self.landed.count(survey_id), reason=reason)
