"""What a process that extracts does not have to load."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import pyarrow as pa
from extractors.jira.source import JiraSource
pa.array(["a"]), pa.scalar(1), pa.table({"a": [1]})
assert "pandas" not in sys.modules
assert list(pa.table({"a": [1, 2]}).to_pandas()["a"]) == [1, 2]
import pandas as pd
assert pa.array(pd.Series([1.5, None])).null_count == 1
"""


def test_pandas_is_loaded_only_where_it_is_asked_for() -> None:
    """A third of a second of every run otherwise; and whoever wants it finds it as ever."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
