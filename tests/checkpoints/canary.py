"""What no file may reach: every call of a function or class here is noted."""

SONGS: list[str] = []


def sing(*words: object) -> dict[str, object]:
    """Note that a file has called this."""
    SONGS.append(f"sing{words}")
    return {}


class Bird:
    """Notes that a file has made, filled or changed one; a pickle of it calls `sing`."""

    def __new__(cls, *words: object) -> "Bird":
        SONGS.append(f"Bird{words}")
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        SONGS.append(f"Bird.__setstate__({state})")


class Caged:
    """A pickle of this calls `sing` when it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return sing, ("loaded",)
