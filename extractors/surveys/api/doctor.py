"""`pmo doctor` for an online survey tool: what can be read, what counts as what, what a first load will cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from extractors.connection import CheckLine
from extractors.errors import AuthError, ExtractError, Unreachable

if TYPE_CHECKING:
    from extractors.surveys.api.source import SurveyApiSource


def check_surveys(source: SurveyApiSource) -> list[CheckLine]:
    """A line for each survey and one for the cost. Stops where nothing further could work."""
    lines: list[CheckLine] = []
    responses = 0
    for survey_id in source.connection.survey_ids:
        try:
            survey = source.survey(survey_id)
            total = source.total(survey)
        except (AuthError, Unreachable) as error:
            return [*lines, CheckLine("fail", "sign-in", str(error))]
        except ExtractError as error:
            lines.append(CheckLine("fail", f"survey {survey_id}", str(error)))
            continue
        responses += total or 0
        counted = ", ".join(
            f"{one.id} '{one.title[:60]}' as {one.metric} ({one.scale_min:g} to {one.scale_max:g})"
            for one in survey.questions
        )
        count = f"{total:,} responses" if total is not None else "the tool does not say how many responses"
        lines.append(CheckLine("ok", f"survey {survey_id}", f"'{survey.title}': {count}; counts {counted}"))
    lines.append(_cost(source, responses))
    return lines


def _cost(source: SurveyApiSource, responses: int) -> CheckLine:
    requests = 3 * len(source.connection.survey_ids) + math.ceil(responses / source.responses_per_request)
    minutes = max(1, math.ceil(requests * source.seconds_per_request / 60))
    text = f"about {requests:,} requests, {minutes:,} minutes"
    if source.requests_per_day is not None and requests > source.requests_per_day:
        days = math.ceil(requests / source.requests_per_day)
        text += f"; an account with {source.requests_per_day:,} requests a day needs {days} days, each run goes on"
        return CheckLine("warn", "first load", text)
    return CheckLine("ok", "first load", text)
