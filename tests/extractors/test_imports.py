"""What a process that extracts does not have to load."""

from __future__ import annotations

import os
import subprocess
import sys

import pyarrow as pa
import pytest

PROGRAM = """
import sys
import pyarrow as pa
from extractors.jira.source import JiraSource
pa.array(["a"]), pa.scalar(1), pa.table({"a": [1]})
assert "pandas" not in sys.modules
"""
AS_EVER = """
assert pa.array(pd.Series([1.5, None])).null_count == 1
assert pa.array(pd.Series(["a", None])).null_count == 1
assert pa.array(pd.Categorical(["a", None, "a"])).null_count == 1
assert list(pa.table({"a": [1, 2]}).to_pandas()["a"]) == [1, 2]
"""
ASKED_FIRST = """
import importlib.util
assert importlib.util.find_spec("pandas").loader is not None
"""


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "then",
    [
        "import pandas as pd" + AS_EVER,
        ASKED_FIRST + "import pandas as pd" + AS_EVER,
        'frame = pa.table({"a": [1]}).to_pandas()\nimport pandas as pd' + AS_EVER,
    ],
    ids=["imported", "looked for, then imported", "asked of pyarrow"],
)
def test_pandas_is_loaded_only_where_it_is_asked_for(then: str) -> None:
    """A third of a second of every run otherwise; and whoever wants it finds it as ever."""
    run(PROGRAM + then)


def test_pandas_may_be_there_already() -> None:
    run("import pandas as pd, pyarrow as pa\nfrom extractors.arrow import dataset" + AS_EVER)


@pytest.mark.parametrize("wanted", ["jemalloc", "system"])
@pytest.mark.parametrize("first", ["import extractors.tables", "import pyarrow"])
def test_the_allocator_is_the_one_asked_for(first: str, wanted: str) -> None:
    """Also where pyarrow was there before us, as in `pmo`; and whoever has set the variable has the last word."""
    told = f"{first}\nimport pyarrow as pa\nimport extractors.tables\nprint(pa.default_memory_pool().backend_name)"
    if wanted not in pa.supported_memory_backends():
        pytest.skip(f"no {wanted} here")
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    environment |= {} if wanted == "jemalloc" else {"ARROW_DEFAULT_MEMORY_POOL": wanted}
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == wanted
