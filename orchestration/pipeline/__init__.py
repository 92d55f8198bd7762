"""What a run does, without Dagster: extract, judge, prepare dbt's inputs, record the publication."""
