"""Qualtrics, SurveyMonkey and Typeform through the whole product: published NPS and CSAT equal what people answered."""

from __future__ import annotations

from collections import Counter

import pytest

from sandbox.organisation import Organisation
from sandbox.servers.survey_desk import FORMS, Reply, reply_of
from sandbox.servers.typeform_app import LAG
from tests.end_to_end.workspace import Workspace, serving
from tests.ports import free_ports

pytestmark = pytest.mark.slow

CONNECTION = """
[[connections]]
id = "{kind}"
kind = "{kind}"
url = "http://127.0.0.1:{port}"
token_env = "SANDBOX_TOKEN"
survey_ids = ["{nps}", "{csat}"]
scope_type = "team"
scope_field = "team"
comment_question = "{words}"
"""
DECLARED = """
[[connections.questions]]
metric = "nps"
question = "QID1"
survey = "{nps}"
[[connections.questions]]
metric = "csat"
question = "Q1"
survey = "{csat}"
"""
SURVEYS = {
    "qualtrics": {"nps": "SV_nps00000000001", "csat": "SV_csat0000000001", "words": "QID2"},
    "surveymonkey": {"nps": "400000001", "csat": "400000002", "words": "500000002"},
    "typeform": {"nps": "npsForm1", "csat": "csatForm", "words": "why"},
}


def replies(workspace: Workspace, form: str) -> list[Reply]:
    """What the stand-ins hold, without what Typeform does not show yet."""
    with Organisation(workspace.home / "sandbox") as organised:
        found = [reply_of(answer, organised.now) for answer in organised.answers()]
        newest = organised.now - LAG
    return [one for one in found if one is not None and one.form == form and one.modified_at <= newest]


def test_published_figures_equal_the_answers(workspace: Workspace):
    port = free_ports(4)
    text = ""
    for kind, names in SURVEYS.items():
        text += CONNECTION.format(kind=kind, port=port + 3, **names)
        text += DECLARED.format(**names) if kind == "qualtrics" else ""
    workspace.configure(text)
    with serving(workspace, port, "--items", "300", "--port-base", str(port)):
        workspace.run()

    nps = [one.score for one in replies(workspace, "nps") if one.score is not None]
    promoters, detractors = sum(score >= 9 for score in nps), sum(score <= 6 for score in nps)
    csat = Counter(one.team for one in replies(workspace, "csat") if one.score is not None)
    for kind in SURVEYS:
        title = FORMS["nps"].title
        counted = workspace.query(
            "select count(*), count(*) filter (nps_group = 'promoter'), count(*) filter (nps_group = 'detractor') "
            f"from marts.fct_survey_response where connection_id = '{kind}' and survey = '{title}'"
        )
        assert counted == [(len(nps), promoters, detractors)]
        teams = workspace.query(
            "select scope_name, count(*) from marts.fct_survey_response "
            f"where connection_id = '{kind}' and metric = 'csat' group by 1"
        )
        assert dict(teams) == dict(csat)
        assert workspace.query(
            f"select count(*) from marts.fct_survey_response where connection_id = '{kind}' and comment is not null"
        ) == [(0,)]
    people = {one.email for form in FORMS for one in replies(workspace, form)}
    published = b"".join(path.read_bytes() for path in (workspace.home / "published").rglob("*") if path.is_file())
    assert not [address for address in people if address.encode() in published]
