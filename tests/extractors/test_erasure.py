"""Erasure: the person is in no byte of raw any more, comes back by no way, and every figure stays."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable, write_deltalake

from extractors.erasing import apply, erase, find_person, is_applied, preview
from extractors.erasure import Erasures, forms
from extractors.landing import Landing, Run
from extractors.streams import LEDGER, LEDGER_SCHEMA
from extractors.surveys.values import pseudonym
from orchestration.searching import files_with

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ACCOUNT = "712020:5b10ac8d-82e0-4c3a"
MAIL = "Vera.Löwenherz@customers.example"
NAME = "Vera Löwenherz"
KEY = b"a key of sixteen"
OTHER = {"accountId": "712020:other", "displayName": "Max Muster", "emailAddress": "max@customers.example"}
VERA = {"accountId": ACCOUNT, "displayName": NAME, "emailAddress": MAIL}


def issue(number: int, person: dict[str, str]) -> dict[str, Any]:
    told = f"asked [~accountid:{ACCOUNT}] (vera.löwenherz@CUSTOMERS.example); Vera Löwenherz's view counts"
    payload = {"id": str(number), "fields": {"assignee": person, "description": told, "status": {"name": "Test"}}}
    link = f"https://a.example/user?accountId={ACCOUNT.replace(':', '%3A')}"
    return {
        "record_id": str(number),
        "issue_id": str(number),
        "issue_key": f"PAY-{number}",
        "parent_key": "PAY-7",
        "assignee_id": person["accountId"],
        "summary": f"call {NAME} back, {number}",
        "status": "Test",
        "labels": ["vip", NAME],
        "payload": json.dumps(payload | {"self": link}),  # with \\u escapes, as some tools write
    }


def user(person: dict[str, str]) -> dict[str, Any]:
    return {
        "record_id": person["accountId"],
        "user_id": person["accountId"],
        "display_name": person["displayName"],
        "email": person["emailAddress"],
        "payload": json.dumps(person, ensure_ascii=False),
    }


def change(number: int, attribute: str, old: str, new: str) -> dict[str, Any]:
    return {
        "record_id": f"{number}:1:0", "issue_id": str(number), "attribute": attribute, "author_id": ACCOUNT,
        "from_text": old, "to_text": new, "payload": json.dumps({"author": VERA}),
    }  # fmt: skip


def land(home: Path, number: int = 1) -> int:
    """What a source would land of the same records again and again."""
    landing = Landing(home)
    batch = landing.batch(Run(f"run-{number}", START + timedelta(hours=number)), "jira-a", "jira")
    landed = batch.append("jira/users", [user(VERA), user(OTHER)])
    landed += batch.append("jira/issues", [issue(n, VERA if n % 2 else OTHER) for n in range(10)])
    landed += batch.append(
        "jira/issue_changes", [change(1, "assignee", "Max Muster", NAME), change(2, "status", "Test", "Done")]
    )
    answer = {"record_id": "s:1:q", "respondent_key": pseudonym(MAIL, KEY), "score": 9.0, "payload": "{}"}
    landed += batch.append("surveys/responses", [answer])
    batch.commit({"by": NAME}, is_final=True)
    landing.judge("jira-a", "accepted", None)
    return landed


def erased(home: Path, word: str = ACCOUNT) -> str:
    landing = Landing(home)
    return erase(landing, find_person(landing, word, [pseudonym(MAIL, KEY)]), "tester").replacement


def assert_nowhere(home: Path) -> None:
    """Neither in any byte of any file, nor in any value, which Parquet compresses."""
    wanted = [form.lower() for text in (ACCOUNT, MAIL, NAME, pseudonym(MAIL, KEY)) for form in forms(text)]
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            assert [word for word in wanted if word.encode() in content] == [], path
    for log in (home / "raw").glob("*/*/_delta_log"):
        table = DeltaTable(log.parent)
        values = str(ds.dataset(table.file_uris()).to_table().to_pylist()).lower()
        assert [word for word in wanted if word in values] == [], log


def rows(home: Path, stream: str) -> list[dict[str, Any]]:
    landing = Landing(home)
    table = landing.latest(stream, "jira-a", landing.table(stream).schema.names)
    return sorted((row for row in table.to_pylist() if not row["is_deleted"]), key=lambda row: row["record_id"])


@pytest.mark.parametrize("word", [ACCOUNT, MAIL, MAIL.upper()])
def test_no_byte_is_left_and_every_figure_stays(tmp_path: Path, word: str) -> None:
    land(tmp_path)
    land(tmp_path, 2)
    before = [(row["record_id"], row["status"], row["payload_hash"]) for row in rows(tmp_path, "jira/issues")]
    token = erased(tmp_path, word)
    assert_nowhere(tmp_path)
    after = rows(tmp_path, "jira/issues")
    assert [(row["record_id"], row["status"], row["payload_hash"]) for row in after] == before
    assert [row["assignee_id"] for row in after] == ["712020:other", token] * 5
    assert all(json.loads(row["payload"])["fields"]["status"]["name"] == "Test" for row in after)
    assert json.loads(after[1]["payload"])["fields"]["assignee"]["displayName"] == token
    assert "Max Muster" in after[0]["payload"]
    texts = {row["issue_id"]: row["to_text"] for row in rows(tmp_path, "jira/issue_changes")}
    assert texts == {"1": token, "2": "Done"}
    assert [row["respondent_key"] for row in rows(tmp_path, "surveys/responses")] == [token]
    assert [row["user_id"] for row in rows(tmp_path, "jira/users")] == ["712020:other", token]


def test_reading_the_source_again_brings_nobody_back_and_lands_nothing(tmp_path: Path) -> None:
    land(tmp_path)
    erased(tmp_path)
    before = {name: rows(tmp_path, name) for name in ("jira/users", "jira/issues", "jira/issue_changes")}
    assert land(tmp_path, 2) == 0
    assert_nowhere_but_cursors(tmp_path)
    assert {name: rows(tmp_path, name) for name in before} == before


def assert_nowhere_but_cursors(home: Path) -> None:
    """The cursor of this test is made to name a person; those of sources hold ids of projects and instants."""
    landing = Landing(home)
    for name in ("jira/users", "jira/issues", "jira/issue_changes", "surveys/responses"):
        values = str(ds.dataset(landing.table(name).file_uris()).to_table().to_pylist()).lower()
        assert not any(form.lower() in values for text in (ACCOUNT, MAIL, NAME) for form in forms(text)), name


def test_a_restored_backup_is_cleaned_again(tmp_path: Path) -> None:
    import shutil

    home = tmp_path / "home"
    land(home)
    shutil.copytree(home / "raw", tmp_path / "backup")
    token = erased(home)
    assert is_applied(Landing(home))
    shutil.rmtree(home / "raw")
    shutil.copytree(tmp_path / "backup", home / "raw")
    assert not is_applied(Landing(home))
    apply(Landing(home))
    assert_nowhere(home)
    assert is_applied(Landing(home))
    assert [row["user_id"] for row in rows(home, "jira/users")] == ["712020:other", token]


def test_it_is_written_down_who_did_it_without_naming_the_person(tmp_path: Path) -> None:
    land(tmp_path)
    token = erased(tmp_path)
    (entry,) = Erasures(tmp_path).all
    assert (entry.replacement, entry.erased_by) == (token, "tester")
    assert entry.records["jira/issues"] == 10
    assert entry.records["jira/users"] == 1
    assert datetime.fromisoformat(entry.erased_at).tzinfo is not None
    assert (tmp_path / "erasures.json").stat().st_mode & 0o077 == 0


def test_an_erasure_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever table it stopped at: who is meant is told by the users, and these are cleaned last."""
    from extractors.tables import RawTable

    replace, seen = RawTable.replace, []

    def stops(self: RawTable, *arguments: Any, **settings: Any) -> None:
        seen.append(self.name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        replace(self, *arguments, **settings)

    land(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(RawTable, "replace", stops)
        with pytest.raises(KeyboardInterrupt):
            erased(tmp_path, MAIL)
    assert "jira/users" not in seen
    erased(tmp_path, MAIL)
    assert len(Erasures(tmp_path).all) == 1
    assert_nowhere(tmp_path)


def test_a_batch_that_comes_while_the_ledger_is_cleaned_stays(tmp_path: Path) -> None:
    """The ledger is read under its lock: here another has it, and writes a row before it gives the lock back."""
    land(tmp_path)
    landing, has_lock = Landing(tmp_path), Event()
    late = pa.Table.from_pylist([row | {"batch_id": "late"} for row in raw_ledger(tmp_path)], LEDGER_SCHEMA)

    def write() -> None:
        with Landing(tmp_path).ledger.writing():
            has_lock.set()
            time.sleep(0.5)  # a reader without the lock has read by now
            write_deltalake(tmp_path / "raw" / LEDGER, late, mode="append")

    with ThreadPoolExecutor() as pool:

        def told(name: str, *_: int) -> None:
            if name == LEDGER:
                pool.submit(write)
                assert has_lock.wait(60)

        erase(landing, find_person(landing, ACCOUNT, [pseudonym(MAIL, KEY)]), "tester", told)
    assert [row.batch_id for row in Landing(tmp_path).batches()].count("late") == 1
    assert_nowhere(tmp_path)


def raw_ledger(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Landing(home).ledger.table().to_pylist()
    return found


def test_ordinary_words_and_shared_names_stay(tmp_path: Path) -> None:
    """A user key `test` is no status, and a namesake keeps the name."""
    landing = Landing(tmp_path)
    batch = landing.batch(Run("r", START), "jira-a", "jira")
    tester = {"accountId": "test", "displayName": "Max Muster", "emailAddress": "t@customers.example"}
    batch.append("jira/users", [user(tester), user(OTHER)])
    batch.append("jira/issues", [issue(1, tester) | {"summary": "the test of test.py"}, issue(2, OTHER)])
    batch.append("jira/issue_changes", [change(2, "status", "Test", "test")])
    batch.commit({}, is_final=True)
    landing.judge("jira-a", "accepted", None)
    person = find_person(landing, "test")
    assert person.shared_names == {"Max Muster"}
    erase(landing, person, "tester")
    found = rows(tmp_path, "jira/issues")
    assert [row["status"] for row in found] == ["Test", "Test"]
    assert found[0]["summary"] == "the test of test.py"
    assert found[0]["assignee_id"].startswith("erased-")
    assert rows(tmp_path, "jira/issue_changes")[0]["to_text"] == "test"
    assert rows(tmp_path, "jira/users")[0]["display_name"] == "Max Muster"


def test_a_descriptor_of_azure_devops_names_its_person(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    batch = landing.batch(Run("r", START), "ado", "azure_devops")
    row = {"record_id": "guid-1", "user_id": "guid-1", "display_name": NAME, "email": MAIL, "descriptor": "aad.QWJj"}
    batch.append("azure_devops/users", [row])
    batch.commit({}, is_final=True)
    assert find_person(landing, "AAD.qwjj").texts == {"AAD.qwjj", "aad.QWJj", "guid-1", MAIL, NAME}


@pytest.mark.parametrize(
    ("word", "is_known"),
    [
        (ACCOUNT, True), (ACCOUNT.upper(), True), (MAIL, True), (f" {MAIL} ", True), (pseudonym(MAIL, KEY), True),
        ("PAY-7", False), (NAME, False), ("Test", False), ("712020", False), ("4711", False), ("vera@a.example", False),
    ],
)  # fmt: skip
def test_a_slip_of_the_hand_is_no_known_person(tmp_path: Path, word: str, is_known: bool) -> None:
    land(tmp_path)
    assert find_person(Landing(tmp_path), word, [pseudonym(word, KEY)]).is_known == is_known


def test_a_respondent_is_known_by_pseudonym_and_by_the_answers_id(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    assert not find_person(landing, "ann@a.example").is_known
    batch = landing.batch(Run("r", START), "nps", "survey_file")
    answers = {"ann@a.example": None, "r2": pseudonym("bob@a.example", KEY)}
    batch.append(
        "surveys/responses",
        [
            {"record_id": f"s:{number}:q", "response_id": number, "respondent_key": key, "payload": "{}"}
            for number, key in answers.items()
        ],
    )
    batch.commit({}, is_final=True)
    for word in ("Ann@a.example", "bob@a.example"):
        assert find_person(Landing(tmp_path), word, [pseudonym(word, KEY)]).is_known, word
    erase(landing, find_person(landing, "ann@a.example"), "tester")
    assert find_person(Landing(tmp_path), "ann@a.example").is_known, "who was erased may be erased again"


def test_keys_that_join_tables_are_never_rewritten(tmp_path: Path) -> None:
    land(tmp_path)
    before = [(row["issue_key"], row["parent_key"]) for row in rows(tmp_path, "jira/issues")]
    landing = Landing(tmp_path)
    erase(landing, find_person(landing, "PAY-7"), "tester")
    assert [(row["issue_key"], row["parent_key"]) for row in rows(tmp_path, "jira/issues")] == before


def test_the_preview_tells_what_is_erased_and_changes_nothing(tmp_path: Path) -> None:
    land(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    landing = Landing(tmp_path)
    person = find_person(landing, MAIL, [pseudonym(MAIL, KEY)])
    told = preview(landing, person)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert told["jira/issues"] == 10
    assert told == erase(landing, person, "tester").records


def test_a_number_is_no_person(tmp_path: Path) -> None:
    land(tmp_path)
    assert find_person(Landing(tmp_path), "4711", ["hash"]).texts == {"hash"}


def test_whole_runs_of_words_are_known_in_any_text(tmp_path: Path) -> None:
    erased_from = Erasures(tmp_path)
    land(tmp_path)
    token = erased(tmp_path)
    erased_from = Erasures(tmp_path)
    for text, cleaned in {
        f"mailto:{MAIL}.": f"mailto:{token}.",
        f"{NAME},{NAME}": f"{token},{token}",
        "Vera  Löwenherz": "Vera  Löwenherz",  # not as she was written
        "Vera": "Vera",
        f"x{ACCOUNT}": f"x{ACCOUNT}",
        "": "",
    }.items():
        assert erased_from.cleaned(text) == cleaned


def test_records_that_name_one_person_in_two_ways_stay_two(tmp_path: Path) -> None:
    """Also when they are read again, and deleted by their ids."""
    landing = Landing(tmp_path)
    answers = [
        {"record_id": f"s:{who}:q", "response_id": who, "respondent_key": "k", "score": score, "payload": f'"{who}"'}
        for who, score in ((ACCOUNT, 9.0), (MAIL, 3.0), (f"{MAIL}/2", 5.0))
    ]

    def land_answers(number: int, rows_of: list[dict[str, Any]]) -> int:
        batch = landing.batch(Run(f"run-{number}", START + timedelta(hours=number)), "jira-a", "jira")
        landed = batch.append("jira/users", [user(VERA), user(OTHER)]) + batch.append("surveys/responses", rows_of)
        batch.commit({}, is_final=True)
        landing.judge("jira-a", "accepted")
        return landed

    land_answers(1, answers)
    erase(landing, find_person(landing, ACCOUNT), "tester")
    assert sorted(row["score"] for row in rows(tmp_path, "surveys/responses")) == [3.0, 5.0, 9.0]
    assert len({row["response_id"] for row in rows(tmp_path, "surveys/responses")}) == 3
    assert_nowhere_but_cursors(tmp_path)
    assert land_answers(2, answers) == 0
    gone = [row["record_id"] for row in rows(tmp_path, "surveys/responses") if row["score"] == 3.0]
    assert gone == [Erasures(tmp_path).cleaned_id(f"s:{MAIL}:q", "surveys/responses")]


@pytest.mark.parametrize(
    "longer",
    [
        {"accountId": f"{ACCOUNT}:second", "displayName": "Nobody Else", "emailAddress": "else@customers.example"},
        {"accountId": "712020:third", "displayName": f"{NAME} Junior", "emailAddress": "junior@customers.example"},
    ],
)
def test_whose_id_or_name_has_an_erased_one_in_it_stays_whole(tmp_path: Path, longer: dict[str, str]) -> None:
    home = tmp_path
    landing = Landing(home)

    def land_both(number: int) -> int:
        batch = landing.batch(Run(f"run-{number}", START + timedelta(hours=number)), "jira-a", "jira")
        landed = batch.append("jira/users", [user(VERA), user(longer)])
        landed += batch.append("jira/issues", [issue(1, VERA), issue(2, longer)])
        batch.commit({}, is_final=True)
        landing.judge("jira-a", "accepted")
        return landed

    land_both(1)
    person = find_person(landing, ACCOUNT)
    token = erase(landing, person, "tester").replacement
    users = {row["user_id"]: row["display_name"] for row in rows(home, "jira/users")}
    assert users == {token: token, longer["accountId"]: longer["displayName"]}
    assert [row["assignee_id"] for row in rows(home, "jira/issues")] == [token, longer["accountId"]]
    assert longer["displayName"] in rows(home, "jira/issues")[1]["payload"].encode().decode("unicode_escape")
    assert land_both(2) == 0
    # The last look takes them for what they are, and still finds the person.
    assert list(files_with(home, person.texts, person.others)) == []
    (home / "forgotten.txt").write_text(f"{longer['accountId']} {longer['displayName']} and {NAME}")
    assert [path.name for path in files_with(home, person.texts, person.others)] == ["forgotten.txt"]
