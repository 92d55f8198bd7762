"""A peer connector in an environment of its own: `PYTHON side_dlt.py URL FOLDER FIELDS`. Prints what it counted.

dlt's REST source as its documentation sets it up: the search with its page token, histories embedded, into DuckDB.
This file runs with the peer's Python and imports nothing of ours.
"""

import json
import sys

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, folder: str, fields: str) -> None:
    source = rest_api_source({
        "client": {
            "base_url": f"{url}/rest/api/3/",
            "auth": {"type": "http_basic", "username": "me@example.com", "password": "sandbox"},
            "paginator": {
                "type": "cursor", "cursor_path": "nextPageToken", "cursor_body_path": "nextPageToken",
            },
        },
        "resources": [{
            "name": "issues",
            "primary_key": "id",
            "endpoint": {
                "path": "search/jql",
                "method": "POST",
                "json": {
                    "jql": "project is not empty ORDER BY id ASC",
                    "fields": fields.split(","),
                    "expand": "changelog",
                    "maxResults": 100,
                },
                "data_selector": "issues",
            },
        }],
    })  # fmt: skip
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.duckdb(f"{folder}/peer.duckdb"),
        dataset_name="jira",
    )
    pipeline.run(source)
    with pipeline.sql_client() as client:
        issues = client.execute_sql("select count(*) from issues")[0][0]
        histories = client.execute_sql("select count(*) from issues__changelog__histories")[0][0]
    sys.stdout.write(json.dumps({"issues": issues, "histories": histories}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
