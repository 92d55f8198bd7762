"""Azure DevOps as a source; `extraction.py` has the order of a run, `cursor.py` what is remembered."""

from __future__ import annotations

from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.doctor import check_connection
from extractors.azure_devops.extraction import Extraction
from extractors.azure_devops.selection import select_projects
from extractors.connection import SILENT, AzureDevOpsConnection, CheckLine, ExtractReport, Progress
from extractors.errors import ExtractError
from extractors.http import RetryPolicy
from extractors.landing import Landing, Run


class AzureDevOpsSource:
    """One organisation of Azure DevOps Services, or one collection of Azure DevOps Server."""

    def __init__(
        self, connection: AzureDevOpsConnection, *, progress: Progress = SILENT, retry: RetryPolicy | None = None
    ) -> None:
        """`retry` is for tests."""
        self.connection = connection
        self.progress = progress
        self._retry = retry

    def extract(self, landing: Landing, run: Run) -> ExtractReport:
        """Land everything that is new."""
        with landing.exclusive(self.connection.id):
            client = AzureDevOpsClient(self.connection, retry=self._retry)
            try:
                return Extraction(client, landing, run, self.progress).extract()
            finally:
                client.close()

    def check(self) -> list[CheckLine]:
        """For `pmo doctor`."""
        try:
            client = AzureDevOpsClient(self.connection, retry=self._retry)
        except ExtractError as error:
            return [CheckLine("fail", "settings", str(error))]
        try:
            return check_connection(client, lambda visible: select_projects(self.connection, visible))
        finally:
            client.close()
