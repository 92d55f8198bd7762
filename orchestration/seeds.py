"""The seeds that dbt loads: the shipped ones, replaced by the user's files of the same name.

Every line is checked before dbt sees it, so that a slip in a spreadsheet is named by file, line and column.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from orchestration.config.messages import nearest
from orchestration.config.seed_links import SeedRow, linked_problems
from orchestration.config.seed_rules import SEEDS, SeedRules
from orchestration.errors import InvalidFile, PmoError, Problem
from orchestration.paths import SHIPPED_SEEDS


def merge_seeds(user_folder: Path | None, target: Path, shipped: Path = SHIPPED_SEEDS) -> list[str]:
    """Write every seed to `target`, complete and checked; returns the names that the user's folder replaced.

    A file whose content stays is left alone, so that dbt's partial parsing sees no change.
    Raises InvalidFile with all problems of all files.
    """
    own = own_seeds(user_folder)
    problems: list[Problem] = []
    seeds: dict[str, list[SeedRow]] = {}
    for name in SEEDS:
        seeds[name], found = read_seed(own.get(name, shipped / f"{name}.csv"), name)
        problems += found
    problems = problems or linked_problems(seeds)
    if problems:
        raise InvalidFile(problems)
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob("*.csv"):
        if stale.stem not in seeds:
            stale.unlink()
    for name, rows in seeds.items():
        text = _render(_header(shipped / f"{name}.csv"), rows)
        file = target / f"{name}.csv"
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
    return sorted(own)


def own_seeds(folder: Path | None) -> dict[str, Path]:
    """The user's seed files by name. Raises PmoError if the folder is not there or holds other CSV files."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise PmoError(f"The folder {folder}, which `seeds` in pmo.toml names, does not exist.")
    files = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    unknown = [
        Problem(f"{name}.csv", None, f"no seed has this name.{nearest(name, list(SEEDS))} Allowed: {', '.join(SEEDS)}.")
        for name in files
        if name not in SEEDS
    ]
    if unknown:
        raise InvalidFile(unknown)
    return files


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as handle:
        return next(csv.reader(handle))


def read_seed(file: Path, name: str) -> tuple[list[SeedRow], list[Problem]]:
    """The rows of `file`, and what is wrong with each of them for itself."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Problem(file.name, None, f"this is not UTF-8 (byte {error.start}). Save it as CSV UTF-8.")]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        problems = _check_header(file.name, columns, SEEDS[name])
        if problems:
            return [], problems
        rows: list[SeedRow] = []
        seen: dict[tuple[str, ...], int] = {}
        for cells in reader:
            if any(cell.strip() for cell in cells):
                problems += _check_row(file.name, reader.line_num, columns, cells, SEEDS[name], seen)
                row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
                rows.append(SeedRow(reader.line_num, row))
    except csv.Error as error:
        return [], [Problem(file.name, reader.line_num, f"this is not valid CSV: {error}.")]
    return rows, problems


def _check_header(file: str, columns: list[str], rules: SeedRules) -> list[Problem]:
    allowed = list(rules.columns)
    problems = []
    if len(columns) == 1 and ";" in columns[0]:
        return [Problem(file, 1, "the columns are separated by `;`. Allowed: `,`.")]
    for column in columns:
        if column not in rules.columns:
            text = f"the column `{column}` is not known.{nearest(column, allowed, '`')} Allowed: {', '.join(allowed)}."
            problems.append(Problem(file, 1, text))
        elif columns.count(column) > 1:
            problems.append(Problem(file, 1, f"the column `{column}` stands there twice."))
    missing = [f"`{name}`" for name, rule in rules.columns.items() if rule.is_required and name not in columns]
    if missing:
        told = f"the column {missing[0]} is" if len(missing) == 1 else f"the columns {', '.join(missing)} are"
        problems.append(Problem(file, 1, f"{told} missing. Columns: {', '.join(allowed)}."))
    return problems


def _check_row(
    file: str,
    line: int,
    columns: list[str],
    cells: list[str],
    rules: SeedRules,
    seen: dict[tuple[str, ...], int],
) -> list[Problem]:
    if len(cells) != len(columns):
        return [Problem(file, line, f"{len(cells)} cells, but the header has {len(columns)} columns.")]
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
    problems = []
    for column, cell in row.items():
        rule = rules.columns[column]
        if cell and not rule.accepts(cell):
            problems.append(
                Problem(file, line, f"column `{column}`: '{cell}' is not allowed. Allowed: {rule.allowed}.")
            )
        elif not cell and rule.is_required:
            problems.append(Problem(file, line, f"column `{column}` is empty. Allowed: {rule.allowed}."))
    if rules.any_of and not any(row.get(column) for column in rules.any_of):
        problems.append(Problem(file, line, f"one of the columns {', '.join(rules.any_of)} must be filled."))
    if rules.ascending and not problems and row[rules.ascending[0]] >= row[rules.ascending[1]]:
        first, second = rules.ascending
        problems.append(Problem(file, line, f"column `{second}`: '{row[second]}' is not after `{first}`."))
    key = tuple(row.get(column, "") for column in rules.key)
    if key in seen:
        text = f"says the same as line {seen[key]}: rows are unique in {', '.join(rules.key)}."
        problems.append(Problem(file, line, text))
    seen.setdefault(key, line)
    return problems


def _render(header: list[str], rows: list[SeedRow]) -> str:
    """In the order of `header`; columns left out are empty."""
    text = io.StringIO()
    cells = [[row.cells.get(column, "") for column in header] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([header, *cells])
    return text.getvalue()
