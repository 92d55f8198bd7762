"""pmo.toml: what is read, and what is said when something in it is wrong. Every error names file and line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from extractors.connection import (
    ApiQuestion,
    AzureDevOpsConnection,
    JiraConnection,
    Secret,
    SurveyFileConnection,
    TypeformConnection,
)
from orchestration.config.default import SANDBOX_FILE, config_file, load
from orchestration.config.positions import Positions, keys_of
from orchestration.errors import InvalidFile, PmoError
from orchestration.paths import Home
from orchestration.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {"JIRA_TOKEN": "canary-token-1", "ADO_TOKEN": "canary-token-2", "PG_PASSWORD": "canary-password"}
EXAMPLE_NAMES = ("JIRA_DC_TOKEN", "AZURE_DEVOPS_TOKEN", "PMO_POSTGRES_PASSWORD")
EXAMPLE_NAMES += ("QUALTRICS_TOKEN", "SURVEYMONKEY_TOKEN", "TYPEFORM_TOKEN")
EXAMPLE_VARIABLES = dict.fromkeys(EXAMPLE_NAMES, "canary")

JIRA = """
    [[connections]]
    id = "cloud"
    kind = "jira"
    url = "https://example.atlassian.net"
    token_env = "JIRA_TOKEN"
"""
SURVEY = """
    [[connections]]
    id = "nps"
    kind = "survey_file"
    path = "surveys/*.csv"
    survey = "NPS"
    metric = "nps"
    score_column = "score"
    survey_date = 2024-06-30
"""


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    file = folder / "pmo.toml"
    file.write_text(dedent(text).lstrip("\n"), "utf-8")
    return load_settings(file, ENVIRON if environ is None else environ)


def refusal(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidFile) as caught:
        read(folder, text, environ)
    return str(caught.value)


def test_a_minimal_file_gets_the_defaults(tmp_path: Path):
    settings = read(tmp_path, JIRA)
    (connection,) = settings.connections
    assert isinstance(connection, JiraConnection)
    assert (connection.overlap_hours, connection.max_deleted_ratio, connection.include_comments) == (12, 0.3, False)
    assert (settings.daily_history_days, settings.fiscal_year_start_month, settings.min_responses) == (400, 1, 5)
    assert settings.postgres is None
    assert connection.token.reveal() == "canary-token-1"


def test_every_key_reaches_the_plain_settings(tmp_path: Path):
    settings = read(
        tmp_path,
        JIRA
        + """
    username = "a@b.c"
    cloud_id = "11"
    time_zone = "Europe/Berlin"
    projects = ["A", "B"]
    overlap_hours = 6
    max_deleted_ratio = 0.5
    ca_bundle = "ca.pem"
    include_comments = true
    fields = {points = "customfield_1"}

    [[connections]]
    id = "ado"
    kind = "azure_devops"
    url = "https://dev.azure.com/x/"
    tenant_id = "t"
    client_id = "c"
    client_secret_env = "ADO_TOKEN"
    """
        + SURVEY
        + """
    [serving.postgres]
    host = "db"
    database = "pmo"
    user = "writer"
    password_env = "PG_PASSWORD"
    schema = "kpis"
    """,
    )
    cloud, ado, nps = settings.connections
    assert isinstance(cloud, JiraConnection)
    assert isinstance(ado, AzureDevOpsConnection)
    assert isinstance(nps, SurveyFileConnection)
    assert cloud.projects == ("A", "B")
    assert cloud.ca_bundle == tmp_path / "ca.pem"
    assert cloud.fields == {"points": "customfield_1"}
    assert ado.url == "https://dev.azure.com/x"
    assert ado.client_secret.reveal() == "canary-token-2"
    assert nps.path == str(tmp_path / "surveys/*.csv")
    assert nps.survey_date == "2024-06-30"
    assert nps.null_values == ("", "NA")
    assert settings.postgres is not None
    assert (settings.postgres.port, settings.postgres.schema, settings.postgres.reader_role) == (
        5432,
        "kpis",
        "bi_reader",
    )


def test_no_repr_shows_a_secret(tmp_path: Path):
    settings = read(tmp_path, JIRA)
    assert "canary" not in repr(settings)
    assert settings.secrets() == ["canary-token-1"]


TYPEFORM = """
    [[connections]]
    id = "pulse"
    kind = "typeform"
    token_env = "JIRA_TOKEN"
    survey_ids = ["a", "b", "a"]
"""


def test_an_online_survey_gets_its_defaults_and_its_questions(tmp_path: Path):
    question = '[[connections.questions]]\nmetric = "csat"\nquestion = "f1"\nsurvey = "b"\n'
    settings = read(tmp_path, dedent(TYPEFORM) + question)
    (pulse,) = settings.connections
    assert isinstance(pulse, TypeformConnection)
    assert (pulse.url, pulse.survey_ids, pulse.scope_type) == ("https://api.typeform.com", ("a", "b"), "all")
    assert (pulse.repeat_days, pulse.include_comments, pulse.token.reveal()) == (0, False, "canary-token-1")
    assert pulse.questions == (ApiQuestion(metric="csat", question="f1", survey="b"),)
    assert "canary" not in repr(settings)


QUESTION = '[[connections.questions]]\nmetric = "nps"\nscore_column = "b"\n'
REFUSED = [
    ("syntax", '[[connections]]\nid = "x\n', "line 2", "not valid TOML"),
    ("end of file", "a = [1,", "line 1", "not valid TOML"),
    ("unknown key", JIRA + '    tokenenv = "X"\n', "line 6", "Did you mean `token_env`? Allowed here: id,"),
    ("unknown top key", "daily_histroy_days = 3\n" + dedent(JIRA), "line 1", "Did you mean `daily_history_days`?"),
    ("unknown table", dedent(JIRA) + "[serving.postgress]\n", "line 6", "Did you mean `postgres`?"),
    ("wrong type", 'daily_history_days = "400"\n' + dedent(JIRA), "line 1", "must be a whole number"),
    ("out of range", "fiscal_year_start_month = 13\n" + dedent(JIRA), "line 1", "a month from 1 to 12"),
    ("missing key", '[[connections]]\nid = "x"\nkind = "jira"\ntoken_env = "JIRA_TOKEN"\n', "line 1", "`url`"),
    ("unknown kind", '[[connections]]\nid = "x"\nkind = "jria"\n', "line 3", 'Did you mean "jira"?'),
    ("kind missing", '[[connections]]\nid = "x"\n', "line 1", "`kind` of connection 1 is missing"),
    ("no connections", "min_responses = 5\n", "pmo.toml", "`connections`"),
    ("duplicate id", dedent(JIRA) * 2, "line 8", "already taken in line 2"),
    ("bad id", dedent(JIRA).replace('"cloud"', '"a:b"'), "line 2", "letters, digits"),
    ("unset variable", dedent(JIRA).replace("JIRA_TOKEN", "OTHER_TOKEN"), "line 5", "OTHER_TOKEN that `token_env`"),
    ("plain http", dedent(JIRA).replace("https", "http"), "line 4", "plain http would send the token readable"),
    ("no surveys", dedent(TYPEFORM).replace('"a", "b", "a"', ""), "line 5", "survey_ids"),
    ("question of no survey", dedent(TYPEFORM) + '[[connections.questions]]\nmetric = "nps"\nquestion = "q"\n'
     'survey = "c"\n', "line 9", "none of this connection"),
    ("half a scale", dedent(TYPEFORM) + '[[connections.questions]]\nmetric = "ces"\nquestion = "q"\nscale_min = 1\n',
     "line 6", "go together"),
    ("scope without field", dedent(TYPEFORM) + 'scope_type = "team"\n', "scope_field", "go together"),
    ("no address", dedent(JIRA).replace("https://example.atlassian.net", "example"), "line 4", "is no address"),
    ("password in url", dedent(JIRA).replace("https://", "https://u:p@"), "line 4", "user name or password"),
    ("time zone", dedent(JIRA) + 'time_zone = "Europe/Berln"\n', "line 6", 'Did you mean "Europe/Berlin"?'),
    ("metric twice", dedent(SURVEY) + QUESTION, "line 1", "either"),
    ("unknown metric", dedent(SURVEY).replace('metric = "nps"', 'metric = "npss"'), "line 6", "nps, csat or ces"),
    ("scale", dedent(SURVEY) + "scale_max = -1\n", "line 9", "must be above"),
    ("scope", dedent(SURVEY) + 'scope_type = "team"\n', "line 1", "`scope_column`"),
    ("encoding", dedent(SURVEY) + 'encoding = "utf-88"\n', "line 9", "not known to Python"),
    ("no date", dedent(SURVEY).replace("survey_date = 2024-06-30\n", ""), "line 1", "`submitted_at_column`"),
    (
        "azure without token",
        '[[connections]]\nid = "a"\nkind = "azure_devops"\nurl = "https://dev.azure.com/x"\n',
        "line 1",
        "needs either `token_env`",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, text: str, line: str, said: str):
    message = refusal(tmp_path, text)
    assert message.startswith("pmo.toml")
    assert line in message
    assert said in message


def test_all_problems_are_named_at_once_in_the_order_of_their_lines(tmp_path: Path):
    text = dedent(JIRA) + 'projets = ["A"]\noverlap_hours = -1\n'
    lines = refusal(tmp_path, text).splitlines()
    assert [line.split(":")[0] for line in lines] == ["pmo.toml, line 6", "pmo.toml, line 7"]


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path):
    pasted = "ATATT3xFfGF0-canary=1"
    assert pasted not in refusal(tmp_path, dedent(JIRA).replace("JIRA_TOKEN", pasted))
    lower = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    assert lower not in refusal(tmp_path, dedent(JIRA).replace("JIRA_TOKEN", lower))
    assert "canary" not in refusal(tmp_path, dedent(JIRA).replace("https://", "ftp://user:canary@"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_plain_http_is_accepted_for_this_machine(tmp_path: Path, host: str):
    assert read(tmp_path, dedent(JIRA).replace("https://example.atlassian.net", f"http://{host}:8771")).connections


def test_lines_are_found_through_strings_comments_arrays_and_quotes():
    text = dedent(
        """
        a = [ # ]
          "x]", 'y#',
        ]
        "quoted key" = '''
        not = 1
        '''

        [t . "u v"]
        b = { c = "}", d = [1] } # e = 1
        [[l]]
        k = \"\"\"a"b\"\"\"
        [[l.m]]
        n = 1
        [[l]]
        k = 2
        """
    )
    positions = Positions(text)
    lines = {path: positions.line(path) for path in keys_of(tomllib.loads(text))}
    assert lines[("a",)] == 2
    assert lines[("quoted key",)] == 5
    assert lines[("t", "u v", "b")] == 10
    assert lines[("l", 0, "k")] == 12
    assert lines[("l", 0, "m", 0, "n")] == 14
    assert lines[("l", 1, "k")] == 16
    assert lines[("t", "u v")] == 9


def test_the_shipped_sandbox_settings_and_the_example_are_valid(tmp_path: Path):
    home = Home.of({"PMO_HOME": str(tmp_path)})
    settings, key = load(SANDBOX_FILE, home, {})
    assert {connection.kind for connection in settings.connections} == {"jira", "azure_devops", "survey_file"}
    assert settings.is_sandbox
    assert key.notice is not None
    assert load_settings(ROOT / "pmo.example.toml", ENVIRON).connections


def test_what_the_example_comments_out_is_right_too(tmp_path: Path):
    """Each commented block of the example, uncommented, is a valid connection or server."""
    lines = (ROOT / "pmo.example.toml").read_text("utf-8").splitlines()
    bare = [re.sub(r"^# (?=\[|[a-z_]+ = )", "", line) for line in lines]
    bare = [line for line in bare if not line.startswith(("# #", "seeds = "))]
    connections = read(tmp_path, "\n".join(bare), {**ENVIRON, **EXAMPLE_VARIABLES}).connections
    ids = ["jira", "jira_dc", "azure_devops", "survey_nps", "qualtrics", "surveymonkey", "typeform"]
    assert [connection.id for connection in connections] == ids


def test_another_port_moves_the_sandbox(tmp_path: Path):
    settings, _ = load(SANDBOX_FILE, Home.of({"PMO_HOME": str(tmp_path)}), {"PMO_SANDBOX_PORT": "9001"})
    urls = [connection.url for connection in settings.connections if not isinstance(connection, SurveyFileConnection)]
    assert urls == ["http://127.0.0.1:9001", "http://127.0.0.1:9002", "http://127.0.0.1:9003/pmo"]


def test_the_users_file_comes_before_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert config_file(None) == SANDBOX_FILE
    (tmp_path / "pmo.toml").write_text("")
    assert config_file(None) == tmp_path / "pmo.toml"


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(PmoError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", Home.of({"PMO_HOME": str(tmp_path)}), {})


def test_the_pseudonym_key_stays_and_a_short_one_is_refused(tmp_path: Path):
    home = Home.of({"PMO_HOME": str(tmp_path)})
    _, first = load(SANDBOX_FILE, home, {})
    _, second = load(SANDBOX_FILE, home, {})
    assert (first.key, first.salt) == (second.key, second.salt)
    assert second.notice is None
    assert (tmp_path / "pseudonym.key").stat().st_mode & 0o077 == 0
    _, own = load(SANDBOX_FILE, home, {"PMO_PSEUDONYM_KEY": "0123456789abcdef"})
    assert own.salt != first.salt
    assert own.key == Secret("0123456789abcdef")
    assert "0123456789abcdef" not in own.salt
    with pytest.raises(PmoError, match="16 or more"):
        load(SANDBOX_FILE, home, {"PMO_PSEUDONYM_KEY": "short"})
