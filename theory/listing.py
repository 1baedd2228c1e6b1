"""Results and predictions in order, asked for by position or by name."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from minimodels.errors import InputError, shown, unknown


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name."""


M = TypeVar("M", bound=Named)


class Listing(ABC, Generic[M]):
    """Members in order; index by position or by name."""

    @abstractmethod
    def members(self) -> Sequence[M]:
        """Return the members, in order."""

    @abstractmethod
    def member(self) -> str:
        """Return what a member is called in an error."""

    @abstractmethod
    def markdown(self) -> str:
        """Return all members as Markdown."""

    def __iter__(self) -> Iterator[M]:
        return iter(self.members())

    def __len__(self) -> int:
        return len(self.members())

    def __getitem__(self, key: int | str) -> M:
        members, what = self.members(), self.member()
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(members) <= key < len(members):
                raise InputError(f"there are {len(members)} of every {what}, counted from 0; got {shown(key)}.")
            return members[int(key)]
        if not isinstance(key, str):
            raise InputError(f"a {what} is asked for by name or position; got {shown(key)}.")
        if key not in self.names:
            raise unknown(what, key, self.names)
        return members[self.names.index(key)]

    @property
    def names(self) -> list[str]:
        """Names of the members, in order."""
        return [member.name for member in self.members()]

    def _repr_markdown_(self) -> str:
        return self.markdown()
