"""Where everything lives: one flat array, a row of LANES numbers for every quantity.

One array with compile-time offsets is what lets LLVM prove that rows do not overlap and vectorise whole
blocks of arithmetic over the lanes.
"""

from collections.abc import Iterable

LANES = 64


class Layout:
    """Rows of the work array, allocated block by block."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.size = 0
        self.blocks: dict[str, tuple[int, int]] = {}

    def add(self, block: str, count: int | None = None) -> None:
        """Allocate ``count`` rows (one per state unless given)."""
        count = self.n if count is None else count
        self.blocks[block] = (self.size, count)
        self.size += count

    def scratch(self, number: int) -> int:
        """Return the offset of a scratch row, allocated when first asked for."""
        if f"SCRATCH{number}" not in self.blocks:
            self.add(f"SCRATCH{number}", 1)
        return self.base(f"SCRATCH{number}")

    def base(self, block: str) -> int:
        """Return the offset of a block in the array."""
        return self.blocks[block][0] * LANES

    def rows(self, block: str) -> list[str]:
        """Return the source text of every row of a block in lane ``w``."""
        first, count = self.blocks[block]
        return [f"s[{(first + i) * LANES} + w]" for i in range(count)]

    def row(self, block: str) -> str:
        """Return the source text of a block of one row in lane ``w``."""
        return self.rows(block)[0]

    def loop(self, lines: Iterable[str]) -> list[str]:
        """Return a loop of its own over the lanes."""
        return ["for w in range(W):", *(f"    {line}" for line in lines)]
