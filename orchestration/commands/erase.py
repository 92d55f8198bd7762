"""`pmo erase PERSON`: out of raw, warehouse, publications and logs; the figures stay, and nothing brings anybody back.

The raw tables are rewritten first. Everything that is made from them is thrown away and made anew. At the end every
file below PMO_HOME is searched for the person.
"""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from extractors.erasing import Person, erase, find_person, preview
from extractors.erasure import Erasure, Erasures
from extractors.landing import Landing
from extractors.surveys.values import pseudonym
from orchestration.commands.failing import log_to_file, tell
from orchestration.commands.progress import terminal_reporter
from orchestration.config.default import load
from orchestration.errors import PmoError
from orchestration.locking import one_run
from orchestration.paths import Home
from orchestration.pipeline.context import RunOptions
from orchestration.searching import files_with
from orchestration.terminal import plain
from orchestration.warehouse import forget

DERIVED = ("as-of", "published-as-of", "data_docs", "cache")
TEXTS = {".log", ".json", ".txt", ".html", ".md", ".jsonl"}


def erase_person(word: str, config: Path | None, *, is_sure: bool, even_if_unknown: bool = False) -> int:
    """Erase, rebuild, search; the exit status: 1 if the person is found anywhere afterwards.

    Without `is_sure` it only shows what would be erased. Raises PmoError then, and for a word that no landed user or
    respondent has.
    """
    home = Home.of()
    log_to_file()
    console = Console()
    if len(word.strip()) < 3:
        raise PmoError(f"'{word}' is too short to be told from other words. Give an account id, user key or e-mail.")
    _, key = load(config, home, os.environ)
    with one_run(home.root):
        landing = Landing(home.root)
        person = find_person(landing, word, [pseudonym(word, key.key.reveal().encode())])
        if not person.is_known and not even_if_unknown:
            raise PmoError(
                f"No landed user has the account id, user key, descriptor or e-mail '{word}', and no respondent "
                "answered as it. Nothing was changed. Look for a slip of the hand; a name is no such word, as several "
                f"may have it. To erase the word '{word}' wherever it stands nevertheless, add --even-if-unknown."
            )
        if not is_sure:
            _show(console, landing, person)
            raise PmoError(
                f"Erasing cannot be undone, and nothing was changed yet. To erase '{word}' from everything below "
                f"{home.root}, say it again with --yes."
            )
        with terminal_reporter(console) as progress:
            erasure = erase(
                landing, person, _operator(), lambda name, done, total: progress.stage(f"{name} ({done} of {total})")
            )
            progress.close()
        was_published = (home.root / "published").exists()
        _forget_derived(home)
        _clean_texts(home, Erasures(home.root))
        status = _rebuild(config) if was_published else 0
        _forget_former_publications(home)
    _print(console, person, erasure)
    found = [str(path) for path in files_with(home.root, person.texts, person.others)]
    if found:
        tell(
            f"Connection '*': the person is still named in {', '.join(found[:10])}. These files are not the product's "
            "to change, cannot be read, or were written meanwhile: remove them, or the name from them, yourself."
        )
    return 1 if found or status else 0


def _show(console: Console, landing: Landing, person: Person) -> None:
    """What would be erased: the words, to the terminal only and never to a log, and the rows that have one."""
    with terminal_reporter(console) as progress:
        counts = preview(landing, person, lambda name, done, total: progress.stage(f"{name} ({done} of {total})"))
        progress.close()
    console.print("Would be erased wherever they stand:", highlight=False)
    for text in sorted(person.texts):
        console.print(f"  {plain(text)}", highlight=False, markup=False)
    _print_rows(console, counts or {"no raw table": 0})
    _print_shared(console, person)


def _print_rows(console: Console, counts: Mapping[str, int]) -> None:
    for name, count in sorted(counts.items()):
        console.print(f"  {name}: {count:,} rows", highlight=False, markup=False)


def _print_shared(console: Console, person: Person) -> None:
    if person.shared_names:
        console.print(
            "Others have the same name, so the name as such stays where no id stands beside it.", highlight=False
        )


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _forget_derived(home: Home) -> None:
    """Everything that comes from raw and may name the person."""
    forget(home)
    for name in DERIVED:
        shutil.rmtree(home.root / name, ignore_errors=True)
    for folder in (home.dbt_inputs, home.dbt_target):
        shutil.rmtree(folder, ignore_errors=True)


def _clean_texts(home: Home, erasures: Erasures) -> None:
    """Logs and records of runs say what happened; they go on saying it, without the person."""
    for folder in (home.logs, home.root / "runs", home.dbt_logs):
        for file in folder.rglob("*"):
            if not file.is_file() or file.suffix not in TEXTS:
                continue
            text = file.read_text("utf-8", errors="surrogateescape")
            cleaned = "".join(erasures.cleaned(line) for line in text.splitlines(keepends=True))
            if cleaned != text:
                part = file.with_name(file.name + ".part")
                part.write_text(cleaned, "utf-8", errors="surrogateescape")
                part.replace(file)


def _rebuild(config: Path | None) -> int:
    from orchestration.commands.run import run_pipeline

    return run_pipeline(RunOptions(config=config, extract=False), is_rebuild=True)


def _forget_former_publications(home: Home) -> None:
    """The publication before the present one still has the person; a build that failed leaves it the present one."""
    current = home.published.resolve()
    folder = home.root / "publications"
    for version in folder.iterdir() if folder.exists() else ():
        if version.resolve() != current:
            shutil.rmtree(version, ignore_errors=True)


def _print(console: Console, person: Person, erasure: Erasure) -> None:
    where = ", ".join(sorted(person.connections)) or "no list of users"
    console.print(f"Erased as {erasure.replacement}; found in {where}.", highlight=False, markup=False)
    _print_rows(console, erasure.records)
    _print_shared(console, person)
    console.print("The figures are the same as before. The tools themselves were not asked: erase there, too.")
