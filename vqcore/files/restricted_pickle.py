"""Pickles read as data. Only constructors of ours are called, and nothing that is built outgrows the file.

Neither Python's unpickler nor torch's is safe for untrusted files: the one allocates as many objects as
a number in the file says, the other calls `torch.Tensor(200000, 1000)` or `bytearray(3_000_000_000)` if asked to.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, cast

MOST_OPERATIONS = 3_200_000
"""Most operations: about 100,000 tensors, some seconds of work."""

MOST_ENTRIES = 250_000
"""Most entries of one mapping, and of all state dicts together."""


class RefusedError(ValueError):
    """A pickle that names or calls something that is not data."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TooLargeError(ValueError):
    """A pickle with too many operations."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a name in a pickle stands for: neither class nor function, so that nothing else can be done with it."""

    name: str
    call: Callable[..., Any] | None = None
    """What a call of it does; None: calls are refused."""

    about: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """The result of the pickle's call of the name.

        Raises:
            RefusedError: if data is never written that way.
        """
        if self.call is None:
            raise RefusedError(self.name)
        return self.call(*arguments)


def unpickle(file: IO[bytes], named: Callable[[str], Named], persistent: Callable[[Any], Any]) -> Any:
    """The object whose pickle begins at the position of `file`.

    Mappings keep only string keys, since others could be crafted to have the same hash a million times.

    Args:
        file: positioned after the pickle on return.
        named: returns what `module.name` stands for.
        persistent: returns what a reference to an object saved beside the pickle stands for.

    Raises:
        RefusedError: as `named` does.
        Exception: of any kind, for a damaged pickle.
    """
    machine = _Machine(named, persistent)
    for done, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if done > MOST_OPERATIONS:
            raise TooLargeError
        if operation.name in LITERALS:
            machine.stack.append(argument)
        elif operation.name not in IGNORED:
            OPERATIONS[operation.name](machine, argument)
    return machine.stack.pop()


class _Machine:
    """The stack of a pickle, with one method for each operation that is carried out."""

    def __init__(self, named: Callable[[str], Named], persistent: Callable[[Any], Any]) -> None:
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._named, self._persistent = named, persistent

    def mark(self, _: Any) -> None:
        self._below.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._below.pop()
        return items

    def put(self, number: int) -> None:
        self._memo[number] = self.stack[-1]

    def memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def get(self, number: int) -> None:
        self.stack.append(self._memo[number])

    def old_string(self, argument: str) -> None:
        """A string of Python 2, which pickletools decodes as Latin-1."""
        self.stack.append(argument.encode("latin-1").decode("utf-8", "surrogateescape"))

    def none(self, _: Any) -> None:
        self.stack.append(None)

    def true(self, _: Any) -> None:
        self.stack.append(True)

    def false(self, _: Any) -> None:
        self.stack.append(False)

    def new_list(self, _: Any) -> None:
        self.stack.append([])

    def new_dict(self, _: Any) -> None:
        self.stack.append({})

    def tuple(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(tuple(items))

    def short_tuple(self, count: int) -> None:
        items = tuple(self.stack[len(self.stack) - count :])
        if len(items) != count:
            raise ValueError("a tuple of more than there is")
        del self.stack[len(self.stack) - count :]
        self.stack.append(items)

    def append(self, _: Any) -> None:
        item = self.stack.pop()
        cast(list[Any], self._last(list)).append(item)

    def extend(self, _: Any) -> None:
        items = self._since_mark()
        cast(list[Any], self._last(list)).extend(items)

    def set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def set_items(self, _: Any) -> None:
        self._set(self._since_mark())

    def _set(self, items: list[Any]) -> None:
        mapping = self._last(dict)
        if len(mapping) > MOST_ENTRIES:
            raise TooLargeError
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str):
                mapping[key] = value

    def _last(self, kind: type) -> Any:
        last = self.stack[-1]
        if type(last) is not kind:
            raise ValueError(f"a {type(last).__name__} in the place of a {kind.__name__}")
        return last

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(self._named(f"{module}.{name}"))

    def name_from_stack(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise ValueError("a name that is no string")
        self.stack.append(self._named(f"{module}.{name}"))

    def call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Named) or not isinstance(arguments, tuple):
            raise ValueError(f"a call of a {type(function).__name__}")
        self.stack.append(function(*arguments))

    def drop_state(self, _: Any) -> None:
        """Ignore the attributes of an object: none that is read here has any."""
        self.stack.pop()

    def persistent(self, _: Any) -> None:
        self.stack.append(self._persistent(self.stack.pop()))


LITERALS = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
        *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
IGNORED = frozenset({"PROTO", "FRAME", "STOP"})
OPERATIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "BINSTRING": _Machine.old_string,
    "SHORT_BINSTRING": _Machine.old_string,
    "NONE": _Machine.none,
    "NEWTRUE": _Machine.true,
    "NEWFALSE": _Machine.false,
    "EMPTY_LIST": _Machine.new_list,
    "EMPTY_SET": _Machine.new_list,  # the hashes of its members are not asked for
    "EMPTY_DICT": _Machine.new_dict,
    "EMPTY_TUPLE": lambda machine, _: machine.short_tuple(0),
    "TUPLE1": lambda machine, _: machine.short_tuple(1),
    "TUPLE2": lambda machine, _: machine.short_tuple(2),
    "TUPLE3": lambda machine, _: machine.short_tuple(3),
    "TUPLE": _Machine.tuple,
    "FROZENSET": _Machine.tuple,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "ADDITEMS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.drop_state,
    "BINPERSID": _Machine.persistent,
}
