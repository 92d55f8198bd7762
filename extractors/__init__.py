"""Reading the sources, and landing what was read.

pyarrow's usual allocator keeps what it was given for good: a first load would hold a quarter more. Which one it takes
is decided when it is first imported, so it is said here; `extractors.arrow` corrects it where that was before. Whoever
has set the variable has the last word.
"""

import os

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
