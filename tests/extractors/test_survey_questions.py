"""Which questions of an online survey count, on which scale, and what an answer's score is: the vendors' own forms."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extractors.connection import (
    ApiQuestion,
    QualtricsConnection,
    Secret,
    SurveyApiConnection,
    SurveyMonkeyConnection,
    TypeformConnection,
)
from extractors.errors import SchemaChanged
from extractors.surveys.api.model import Illegible, Response, Survey
from extractors.surveys.qualtrics import client as qualtrics
from extractors.surveys.qualtrics import records as qualtrics_records
from extractors.surveys.surveymonkey import client as surveymonkey
from extractors.surveys.surveymonkey import records as surveymonkey_records
from extractors.surveys.typeform import client as typeform
from extractors.surveys.typeform import records as typeform_records


def connection(kind: type[SurveyApiConnection], *questions: ApiQuestion, **changes: Any) -> Any:
    return kind(id="s", url="https://example.org", token=Secret("t"), survey_ids=("S",), questions=questions, **changes)


def counted(survey: Survey) -> list[tuple[str, str, float, float]]:
    return [(one.id, one.metric, one.scale_min, one.scale_max) for one in survey.questions]


def scores(response: Response) -> dict[str, Any]:
    return {name: str(score) if isinstance(score, Illegible) else score for name, score in response.scores.items()}


# --- SurveyMonkey ------------------------------------------------------------------------------------

CHOICES = [{"id": f"1{place}", "position": place, "text": f"{place} points", "weight": None} for place in (1, 2, 3)]
MATRIX = [{"id": f"2{place}", "position": place, "text": text, "weight": place} for place, text in ((2, "b"), (1, "a"))]
MATRIX.append({"id": "29", "position": 3, "text": "N/A", "weight": 0, "is_na": True})
NPS_CHOICES = [
    {"id": f"3{place:02}", "position": place + 1, "text": str(place), "weight": weight}
    for place, weight in enumerate([-100] * 7 + [0] * 2 + [100] * 2)
]
DETAILS = {
    "id": "S",
    "title": "Survey",
    "pages": [
        {"questions": [
            {"id": "N", "family": "matrix", "subtype": "rating", "headings": [{"heading": "<b>Recommend</b>?"}],
             "answers": {"rows": [{"id": "r"}], "choices": list(reversed(NPS_CHOICES))}},
            {"id": "M", "family": "matrix", "subtype": "rating",
             "answers": {"rows": [{"id": "r1", "text": "Speed"}, {"id": "r2", "text": "Price"}], "choices": MATRIX}},
        ]},
        {"questions": [
            {"id": "C", "family": "single_choice", "subtype": "vertical", "answers": {"choices": CHOICES}},
            {"id": "L", "family": "open_ended", "subtype": "single", "display_options": {"display_type": "slider"},
             "validation": {"min": 0, "max": "100"}},
            {"id": "T", "family": "open_ended", "subtype": "essay"},
        ]},
    ],
}  # fmt: skip


def monkey(*questions: ApiQuestion) -> tuple[Any, Survey, Any]:
    own = connection(SurveyMonkeyConnection, *questions, comment_question="T")
    return own, *surveymonkey_records.survey_of(own, msgspec.convert(DETAILS, surveymonkey.Details))


def given(**answers: list[dict[str, Any]]) -> surveymonkey.Given:
    questions = [{"id": name, "answers": own} for name, own in answers.items()]
    record = {
        "id": "1", "date_modified": "2026-03-02T10:00:00+00:00", "date_created": "2026-03-01T10:00:00+00:00",
        "response_status": "completed", "pages": [{"questions": questions}],
    }  # fmt: skip
    return msgspec.convert(record, surveymonkey.Given)


def test_surveymonkey_recognises_nps_by_its_weights_and_scores_it_by_place() -> None:
    own, survey, chosen = monkey()
    assert counted(survey) == [("N", "nps", 0, 10)]
    assert survey.questions[0].title == "Recommend?"
    for place in (0, 6, 7, 10):
        response = surveymonkey_records.response_of(
            own, survey, chosen, given(N=[{"choice_id": f"3{place:02}", "row_id": "r"}], T=[{"text": "words"}])
        )
        assert (scores(response), response.comment) == ({"N": place}, "words")
        assert (response.submitted_at.day, response.modified_at and response.modified_at.day) == (1, 2)


def test_surveymonkeys_declared_questions_lines_numbers_and_sliders() -> None:
    names = [("M.r2", None), ("C", None), ("L", None)]
    own, survey, chosen = monkey(*(ApiQuestion(metric="csat", question=name) for name, _ in names))
    assert counted(survey) == [("M.r2", "csat", 1, 2), ("C", "csat", 1, 3), ("L", "csat", 0, 100)]

    def read(**answers: list[dict[str, Any]]) -> dict[str, Any]:
        return scores(surveymonkey_records.response_of(own, survey, chosen, given(**answers)))

    lines = [{"choice_id": "21", "row_id": "r1"}, {"choice_id": "22", "row_id": "r2"}]
    assert read(M=lines, C=[{"choice_id": "13"}], L=[{"text": "55"}]) == {"M.r2": 2, "C": 3, "L": 55}
    assert read(M=[{"choice_id": "29", "row_id": "r2"}]) == {"M.r2": None, "C": None, "L": None}
    bad = read(C=[{"choice_id": "99"}], L=[{"text": "much"}], M=[lines[1], lines[1]])
    assert "99" in bad["C"]
    assert "not a number" in bad["L"]
    assert "several choices" in bad["M.r2"]


def test_a_changed_choice_makes_another_survey() -> None:
    _, before, _ = monkey()
    details = msgspec.convert(DETAILS, surveymonkey.Details)
    details.pages[1].questions[0].answers.choices[0].text = "0 points"  # type: ignore[union-attr]
    after, _ = surveymonkey_records.survey_of(connection(SurveyMonkeyConnection), details)
    assert before.definition != after.definition


# --- Qualtrics ---------------------------------------------------------------------------------------

QUESTIONS = {
    "QID1": {"QuestionText": "Recommend&nbsp;<br>us?", "DataExportTag": "Q1", "QuestionType": "MC", "Selector": "NPS",
             "Choices": [{"Display": str(number)} for number in range(11)]},
    "QID2": {"QuestionText": "Satisfied?", "DataExportTag": "CSAT", "QuestionType": "MC", "Selector": "SAVR",
             "Choices": {"4": {"Display": "no"}, "7": {"Display": "yes"}}, "RecodeValues": {"4": "1", "7": "5"}},
    "QID3": {"QuestionText": "Each", "DataExportTag": "Q3", "QuestionType": "Matrix", "Selector": "Likert",
             "Choices": {"1": {"Display": "Speed"}, "2": {"Display": "Price"}}, "Answers": {"1": {}, "2": {}, "3": {}}},
    "QID4": {"QuestionText": "Why?", "DataExportTag": "Q4", "QuestionType": "TE", "Selector": "ML"},
}  # fmt: skip


def test_qualtrics_recognises_nps_and_takes_scales_from_recode_values() -> None:
    definition = msgspec.convert({"SurveyName": "Survey", "Questions": QUESTIONS}, qualtrics.Definition)
    survey = qualtrics_records.survey_of(connection(QualtricsConnection), "S", definition)
    assert (counted(survey), survey.questions[0].title) == ([("QID1", "nps", 0, 10)], "Recommend us?")
    declared = [ApiQuestion(metric="csat", question="CSAT"), ApiQuestion(metric="ces", question="QID3_2")]
    own = connection(QualtricsConnection, *declared, comment_question="QID4", scope_field="Team")
    survey = qualtrics_records.survey_of(own, "S", definition)
    assert counted(survey) == [("QID2", "csat", 1, 5), ("QID3_2", "ces", 1, 3)]
    values = {
        "recordedDate": "2026-03-01T10:00:00.123Z",
        "QID2": "5",
        "QID3_2": True,
        "QID4_TEXT": " why ",
        "Team": "A",
    }
    response = qualtrics_records.response_of(own, survey, qualtrics.Given("R_1", values))
    assert scores(response) == {"QID2": 5, "QID3_2": "the answer is not a number"}
    assert (response.comment, response.scope_name, response.uncounted) == ("why", "A", None)
    for values_of, words in (({"status": 8}, "spam"), ({"finished": 0}, "not finished"), ({"status": 9}, "preview")):
        odd = qualtrics_records.response_of(own, survey, qualtrics.Given("R_1", {**values, **values_of}))
        assert words in str(odd.uncounted)
    with pytest.raises(SchemaChanged, match=r"recorded date of response R_2.*No instant"):
        qualtrics_records.response_of(own, survey, qualtrics.Given("R_2", {}))


# --- Typeform ----------------------------------------------------------------------------------------


def form(*fields: dict[str, Any]) -> typeform.Form:
    return msgspec.convert({"id": "S", "title": "Form", "fields": list(fields)}, typeform.Form)


def test_typeforms_types_say_metric_and_scale_in_groups_too() -> None:
    fields = [
        {"id": "a", "type": "nps", "properties": {"steps": 11}},
        {"id": "b", "type": "opinion_scale", "properties": {"steps": 11}},
        {"id": "c", "type": "opinion_scale", "properties": {"steps": 5, "start_at_one": True}},
        {"id": "g", "type": "group",
         "properties": {"fields": [{"id": "d", "type": "rating", "properties": {"steps": 3}}]}},
        {"id": "e", "type": "short_text"},
    ]  # fmt: skip
    survey = typeform_records.survey_of(connection(TypeformConnection), form(*fields))
    assert counted(survey) == [("a", "nps", 0, 10), ("b", "nps", 0, 10), ("c", "csat", 1, 5), ("d", "csat", 1, 3)]


def test_typeforms_answers_by_id_people_by_e_mail_and_older_ids() -> None:
    own = connection(TypeformConnection, ApiQuestion(metric="csat", question="score"), comment_question="why")
    survey = typeform_records.survey_of(own, form({"id": "a", "ref": "score", "type": "rating"}))
    item = {
        "token": "old", "submitted_at": "2026-03-01T10:00:00Z",
        "answers": [
            {"field": {"id": "a", "ref": "score"}, "type": "number", "number": 4},
            {"field": {"id": "w", "ref": "why"}, "type": "text", "text": "words"},
            {"field": {"id": "m"}, "type": "email", "email": "ann@example.org"},
        ],
    }  # fmt: skip
    response = typeform_records.response_of(own, survey, msgspec.convert(item, typeform.Item))
    assert (response.id, response.respondent, response.comment) == ("old", "ann@example.org", "words")
    assert scores(response) == {"a": 4}
    item["answers"][0] |= {"type": "choice", "number": None}  # type: ignore[index]
    odd = typeform_records.response_of(own, survey, msgspec.convert(item, typeform.Item))
    assert "type choice" in scores(odd)["a"]
