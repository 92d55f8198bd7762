"""Decoders that many threads make at once: msgspec alone ends the process with a segmentation fault."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RACE = '''
import sys, threading, types
import msgspec
from extractors import decoding

sys.setswitchinterval(1e-6)
FORM = """
import msgspec
class Inner(msgspec.Struct):
    a: list[int] | None = None
    b: dict[str, int] | None = None
class Form(msgspec.Struct):
    inner: Inner | None = None
    number: int = 0
    text: str | None = None
    numbers: list[int] | None = None
"""
TEXT = b'{"number": 1, "text": "s", "numbers": [1], "inner": {"a": [1]}}'
made = {
    "alone": lambda form: msgspec.json.Decoder(form).decode(TEXT),  # what the others are a remedy for
    "decode": lambda form: decoding.decode(TEXT, form),
    "passing": lambda form: decoding.passing_decoder(form).decode(TEXT),
    "convert": lambda form: decoding.convert(msgspec.json.decode(TEXT), form),
}[sys.argv[1]]
for _ in range(1000):
    room = types.ModuleType("room")
    sys.modules["room"] = room
    exec(FORM, room.__dict__)
    start = threading.Barrier(4)

    def make():
        start.wait()
        assert made(room.Form).inner.a == [1]

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("done")
'''


def _race(way: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-c", RACE, way], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    return ended.returncode, ended.stdout.strip(), ended.stderr


def test_without_a_lock_the_process_ends() -> None:
    """If this fails, msgspec has learnt it: the lock may go."""
    assert _race("alone")[0] == -signal.SIGSEGV


@pytest.mark.parametrize("way", ["decode", "passing", "convert"])
def test_many_threads_make_decoders_of_one_form(way: str) -> None:
    assert _race(way) == (0, "done", "")


MAKING = r"\bDecoder\(|\b(json|msgpack|yaml|toml)\.decode\([^)]*type=|msgspec\.convert\("


def test_nothing_else_makes_decoders() -> None:
    assert _found(re.compile(MAKING), "extractors", "orchestration", "quality", "bi") == ["decoding.py"]


def test_the_sandbox_serves_with_decoders_made_before() -> None:
    making_in_a_call = re.compile(rf"^ +.*({MAKING})", re.MULTILINE)
    assert _found(making_in_a_call, "sandbox/servers", "sandbox/render") == []


def _found(sign: re.Pattern[str], *rooms: str) -> list[str]:
    files = [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(files) > 5
    return [path.name for path in files if sign.search(path.read_text("utf-8"))]
