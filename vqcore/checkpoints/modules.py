"""A state dict as a tree of modules, so that a rule can ask what is next to a tensor."""

from collections import Counter
from collections.abc import Iterator

from vqcore.checkpoints.keys import stripped
from vqcore.files.containers import StateDict
from vqcore.files.tensors import StoredArray

DEEPEST = 64
"""Path parts considered, from the array up; no model is deeper."""


class Tree:
    """The arrays of one state dict by stripped key; if two keys become equal, both stay as they are."""

    def __init__(self, source: StateDict) -> None:
        self.source = source
        by_name: dict[str, list[str]] = {}
        for key in source.arrays:
            by_name.setdefault(stripped(key), []).append(key)
        self._arrays: dict[str, StoredArray] = {}
        for name, keys in by_name.items():
            self._arrays.update({name if len(keys) == 1 else key: source.arrays[key] for key in keys})
        self._leaves: dict[str, list[str]] = {}
        self._below: Counter[str] = Counter()
        for name in self._arrays:
            parent, _, leaf = name.rpartition(".")
            self._leaves.setdefault(parent, []).append(leaf)
            for _ in range(DEEPEST):
                self._below[parent] += 1
                if not parent:
                    break
                parent = parent.rpartition(".")[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def get(self, name: str) -> StoredArray | None:
        """The array with that stripped key, if any."""
        return self._arrays.get(name)

    def leaves(self, path: str) -> list[str]:
        """Names of the arrays directly in the module at `path`."""
        return self._leaves.get(path, [])

    def below(self, path: str) -> int:
        """How many arrays are in the module at `path` and below."""
        return self._below[path]

    def module(self, path: str) -> "Module":
        """The module at `path`; the root is the empty path."""
        return Module(self, path)


class Module:
    """One module of a tree: what is in it, above it and below it."""

    def __init__(self, tree: Tree, path: str) -> None:
        self.tree, self.path = tree, path

    def get(self, name: str) -> StoredArray | None:
        """The array `name`, which may have dots, within this module."""
        return self.tree.get(f"{self.path}.{name}" if self.path else name)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the array `name`, if any."""
        array = self.get(name)
        return None if array is None else array.shape

    @property
    def up(self) -> "Module":
        """The module that holds this one; the root holds itself."""
        return Module(self.tree, self.path.rpartition(".")[0])

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def first(self, *names: str) -> str | None:
        """Which of `names` is in this module."""
        return next((name for name in names if self.get(name) is not None), None)

    def holds_only(self, *names: str) -> bool:
        """Whether this module and everything below it consist of exactly `names`."""
        return self.tree.below(self.path) == sum(self.get(name) is not None for name in names)
