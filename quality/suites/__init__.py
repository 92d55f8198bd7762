"""The suites: one small file per tool or subject."""
