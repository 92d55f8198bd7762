"""What comes from data is shown as words: brackets are no markup, control characters do nothing."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from orchestration.commands.failing import tell
from orchestration.commands.progress import LiveReporter, PlainReporter
from orchestration.commands.summary import print_summary, serve_command
from orchestration.paths import Home
from orchestration.pipeline.record import CheckOutcome, ConnectionResult, PublicationResult, RunRecord
from orchestration.settings import Settings

ODD = ["[/caption] broken", "[beta] release", "ends with \\"]
STEERING = {"\x1b[2Jgone": " [2Jgone", "one\nDone in 1 s": "one Done in 1 s", "a\x9b1mb\u202ec": "a 1mb c"}
TOLD = [*((text, text) for text in ODD), *STEERING.items()]


def test_errors(capsys: pytest.CaptureFixture[str]):
    tell("first: a\x1b[2Jb\u2028c\x85d\x9be\nsecond")
    assert capsys.readouterr().err == "first: a [2Jb c d e\nsecond\n"


def console() -> Console:
    return Console(file=io.StringIO(), width=300, force_terminal=False)


def written(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


@pytest.mark.parametrize(("text", "shown"), TOLD)
def test_reporters(text: str, shown: str):
    for make in (lambda target: LiveReporter(Progress(console=target)), PlainReporter):
        target = console()
        reporter = make(target)
        reporter.stage(text)
        reporter.advance(text, text, 1, 2)
        reporter.connection_done(text, text, is_good=False)
        reporter.note(text)
        reporter.close()
        assert written(target).count(shown) >= 4


@pytest.mark.parametrize(("text", "shown"), TOLD)
def test_summary(text: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PMO_SANDBOX_PORT", raising=False)
    monkeypatch.setattr("sys.argv", [str(Path.cwd() / ".venv" / "bin" / "pmo"), "run"])
    monkeypatch.setenv("PATH", "/nowhere")
    result = ConnectionResult("jira", "jira", "jira", held_reason=text, failures=[text], warnings=[text])
    record = RunRecord(
        "r1",
        datetime(2024, 1, 1, tzinfo=UTC),
        connections={"jira": result},
        checks=[CheckOutcome(text, text, False, True, text)],
        publication=PublicationResult(str(tmp_path), 1, 1, None, postgres=text, notices=[text]),
    )
    settings = Settings(Path("pmo.toml"), (), None, None, 1, 1, 1, None, is_sandbox=True)
    target = console()
    print_summary(target, record, settings, Home(tmp_path, tmp_path), seconds=1, is_done=False)
    assert written(target).count(shown) >= 8
    assert written(target).splitlines()[-1].endswith(": .venv/bin/pmo sandbox serve")
    monkeypatch.setenv("PMO_SANDBOX_PORT", "9000")
    assert serve_command() == ".venv/bin/pmo sandbox serve --port-base 9000"
