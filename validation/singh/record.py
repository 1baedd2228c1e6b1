"""What a network computes in a pass, by site: each when it is first asked for, or what hooks put in its place."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias
from weakref import proxy

from torch import Tensor

Value: TypeAlias = Callable[[], Tensor]  # computes what stands at a site


class Record(Mapping[str, Tensor]):
    """Everything in a pass, by site; nothing that is not asked for is computed.

    A pass without a loss of what is clamped away: where scores are held, no queries are computed, and where a stream is
    that of another network, no layer before it. Read it before the parameters change.
    """

    def __init__(self, hooks: Mapping[str, Sequence["Hook"]] | None = None) -> None:
        self._hooks = hooks or {}
        self._stated: dict[str, Value] = {}
        self._found: dict[str, Tensor] = {}

    def state(self, site: str, value: Value) -> Value:
        """Say how a site is computed; what stands there, hooks or not, is what the function returned gives."""
        own = proxy(self)  # no circle of references: what was computed goes with the record
        for hook in self._hooks.get(site, ()):
            value = partial(hook, value, own)
        self._stated[site] = value
        return lambda: own[site]

    def __getitem__(self, site: str) -> Tensor:
        if site not in self._found:
            self._found[site] = self._stated[site]()
        return self._found[site]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stated)

    def __len__(self) -> int:
        return len(self._stated)


Hook: TypeAlias = Callable[[Value, Record], Tensor]  # from what would be computed, and the record, what to go on with


def put(value: Tensor) -> Hook:
    """Put a value in the place of whatever would be computed."""
    return lambda _, __: value
