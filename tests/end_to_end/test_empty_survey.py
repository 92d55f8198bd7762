"""A new survey of an online tool that nobody has answered yet: the run is good, and the first answer counts at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.workspace import Workspace
from tests.extractors.survey_tools import IDS, reply, served

CONNECTION = """
[[connections]]
id = "forms"
kind = "typeform"
url = "{url}"
token_env = "FORMS_TOKEN"
survey_ids = ["{survey}"]
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_survey_without_answers_is_published_and_warned_of(tmp_path: Path) -> None:
    user = Workspace(tmp_path, {"FORMS_TOKEN": "any"})
    with served(tmp_path / "desk") as tools:
        user.configure(CONNECTION.format(url=tools.url, survey=IDS["typeform"][0]))
        first = user.run()
        said = " ".join((first.stdout + first.stderr).split())
        assert "surveys/responses" in said, said
        (connection,) = user.query("select is_stale, coverage_ratio from marts.dim_connection")
        assert connection[0] is False
        assert user.query("select count(*) from marts.fct_survey_response") == [(0,)]
        tools.desk.all.append(reply(1, 9))
        user.run()
        assert user.query("select count(*) from marts.fct_survey_response") == [(1,)]
