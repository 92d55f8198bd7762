"""dbt in a process of its own that ends with the run that started it, and that can get ready before it is needed.

    python -m orchestration.dbt_process now|ahead <arguments of dbt>

`now` is dbt's command line. `ahead` imports dbt and parses the project, then waits for a line on standard input before
it does what it was asked for; this takes seconds that a run spends on its sources anyway.

Standard input ends when the run ends, however it ends: then the process ends too. A dbt that lives on would keep
the warehouse locked for the next run.
"""

from __future__ import annotations

import os
import sys
import threading

STATUS_SUCCESS, STATUS_FAILURE, STATUS_CRASH = 0, 1, 2  # as dbt's own


def main(arguments: list[str]) -> int:
    """Run dbt; its exit status."""
    mode, *command = arguments
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    parsed = None
    if mode == "ahead":
        parsed = dbtRunner().invoke(["--log-level", "none", "--no-write-json", "parse"]).result
        if not sys.stdin.buffer.readline():
            return STATUS_FAILURE
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # What is wrong with the project is told by the command itself, which then parses again.
    outcome = dbtRunner(manifest=parsed if isinstance(parsed, Manifest) else None).invoke(command)
    if outcome.exception is not None:
        print(outcome.exception, file=sys.stderr, flush=True)  # noqa: T201 - what dbt's own command line does
        return STATUS_CRASH
    return STATUS_SUCCESS if outcome.success else STATUS_FAILURE


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):  # not by sys.stdin, whose lock would be held when this process ends
        pass
    os._exit(STATUS_CRASH)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
