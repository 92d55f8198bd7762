"""Reading the sources, and landing what was read.

pyarrow's usual allocator keeps what it was given for good. Which one it takes is decided when it is first imported,
so it is said here; whoever has set the variable has the last word.
"""

import os

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
