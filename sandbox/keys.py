"""Issue keys by item id, packed: a site's renderer must know all of them, and there may be a million."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from sandbox.model import Tool
from sandbox.organisation import Organisation


class Keys(Mapping[int, str]):
    """Today's key of every item of a site, 8 bytes an item."""

    def __init__(self, organised: Organisation, tool: Tool) -> None:
        self._projects: list[str] = []
        numbers: dict[str, int] = {}
        self._packed = array("Q")
        for item_id, key in organised.keys(tool):
            prefix, _, number = key.rpartition("-")
            if prefix not in numbers:
                numbers[prefix] = len(self._projects)
                self._projects.append(prefix)
            if item_id >= len(self._packed):
                self._packed.extend([0] * (item_id + 1 - len(self._packed)))
            self._packed[item_id] = numbers[prefix] << 40 | int(number)

    def __getitem__(self, item_id: int) -> str:
        packed = self._packed[item_id] if 0 <= item_id < len(self._packed) else 0
        if not packed:
            raise KeyError(item_id)
        return f"{self._projects[packed >> 40]}-{packed & (1 << 40) - 1}"

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, int) and 0 <= item_id < len(self._packed) and self._packed[item_id] != 0

    def __iter__(self) -> Iterator[int]:
        return (item_id for item_id, packed in enumerate(self._packed) if packed)

    def __len__(self) -> int:
        return sum(1 for _ in self)
