"""Ctrl+C and two runs at once. Real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extractors.errors import AlreadyRunning
from extractors.locks import run_lock
from orchestration.locking import one_run

PMO = Path(sys.executable).parent / "pmo"
JIRA = """
[[connections]]
id = "slow"
kind = "jira"
url = "http://127.0.0.1:{port}"
token_env = "SLOW_TOKEN"
"""


def test_ctrl_c_says_what_stays_and_ends_at_once(tmp_path: Path):
    """The source takes the request and never answers: nobody may wait for it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(60)
        (tmp_path / "pmo.toml").write_text(JIRA.format(port=silent.getsockname()[1]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PMO_", "DAGSTER", "DBT_"))}
        process = subprocess.Popen(
            [str(PMO), "run"],
            cwd=tmp_path,
            env={**kept, "PMO_HOME": str(tmp_path / "home"), "SLOW_TOKEN": "secret"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A background job of a shell without job control ignores Ctrl+C, and so would its child.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            asked, _ = silent.accept()
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the command
            begun = time.monotonic()
            output, errors = process.communicate(timeout=30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        asked.close()
    assert process.returncode == 130, output + errors
    assert "Stopped. What was landed stays" in errors
    assert "Traceback" not in output + errors
    assert time.monotonic() - begun < 20
    with run_lock(tmp_path / "home"):
        pass


LOST = """
import os, signal, weakref
from orchestration.commands.interrupts import certain_end
class Thing: pass
signal.signal(signal.SIGINT, signal.default_int_handler)
def meet(_):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): pass
with certain_end(lambda: None):
    thing = Thing()
    watched = weakref.ref(thing, meet)
    del thing
    print("went on", flush=True)
    signal.pause()
"""


def test_a_ctrl_c_that_python_loses_still_ends_it_without_a_traceback():
    """In a clean-up of Python's own nothing can be raised; Python would print a traceback and go on."""
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60)
    assert done.stdout == "went on\n"
    assert done.returncode == 130
    assert "Stopped." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_run_lock_is_taken_once_by_a_process(tmp_path: Path):
    with one_run(tmp_path), one_run(tmp_path), pytest.raises(AlreadyRunning), run_lock(tmp_path):
        pass
    with run_lock(tmp_path), pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"), one_run(tmp_path):
        pass
