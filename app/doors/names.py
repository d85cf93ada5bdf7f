"""The host names under which requests reach the server, and the origins that may send them.

A page of another site can reach a server on this machine in two ways: by pointing a name of its own here (DNS
rebinding), which its `Host` gives away, and by asking across origins, which its `Origin` gives away.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, Self

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})
DEFAULT_PORTS = {"http": 80, "https": 443}
AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
ORIGIN = re.compile(r"(https?)://([^/?#@]+)", re.ASCII | re.IGNORECASE)


class Authority(NamedTuple):
    """A name or an address, with a port if one is given."""

    name: str
    port: int | None

    @classmethod
    def read(cls, text: str) -> Self:
        """`text` parsed and normalized, so that names can be compared.

        >>> Authority.read("LocalHost.:8501"), Authority.read("[0:0::1]")
        (Authority(name='localhost', port=8501), Authority(name='::1', port=None))

        Raises:
            ValueError: if it is not a name with or without a port.
        """
        found = AUTHORITY.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:80]!r} is not a name or an address, with or without `:PORT`")
        name, port = found[1].lower().removesuffix("."), found[2]
        if name.startswith("["):
            number = read_address(name[1:-1])
            if not isinstance(number, IPv6Address):
                raise ValueError(f"{text[:80]!r} has no IPv6 address in its brackets")
            name = str(number)
        if port is not None and int(port) > 65_535:
            raise ValueError(f"{text[:80]!r} names a port above 65535")
        return cls(name, None if port is None else int(port))


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one server."""

    names: frozenset[str]
    any_address: bool = False
    """Whether every numeric address is accepted as its own: a page cannot make a number point elsewhere."""

    told: frozenset[Authority] = frozenset()
    """Names given with `--host`, for a proxy that passes requests on under another name."""

    def include(self, host: Authority) -> bool:
        """Whether a request for `host` is for this server."""
        return host.name in self.names or (self.any_address and _is_address(host.name))

    def welcome(self, origin: str, host: Authority) -> bool:
        """Whether a page of `origin` may ask for `host`: same name and port, or a proxy given with `--host`."""
        found = ORIGIN.fullmatch(origin)
        if found is None:  # `null` among them
            return False
        scheme = found[1].lower()
        try:
            asking = Authority.read(found[2])
        except ValueError:
            return False
        default = DEFAULT_PORTS[scheme]
        port = default if asking.port is None else asking.port
        if (asking.name, port) == (host.name, default if host.port is None else host.port):
            return True
        is_passed_on = host.name not in {one.name for one in self.told}
        return is_passed_on and any(
            one.name == asking.name and port == (default if one.port is None else one.port) for one in self.told
        )


def names_of(address: str, told: tuple[Authority, ...], machine: str) -> Names:
    """The names of a server that listens at `address`, including those in `told`.

    If it listens on every network, `machine`, this machine's own name, is one of them too.
    """
    known = LOCAL | {one.name for one in told}
    everywhere = address in EVERYWHERE
    for name in (machine, f"{machine}.local") if everywhere else (address,):
        try:
            known |= {Authority.read(f"[{name}]" if ":" in name else name).name}
        except ValueError:  # a machine may call itself what no URL can
            continue
    return Names(known, everywhere, frozenset(told))


def _is_address(name: str) -> bool:
    return read_address(name) is not None


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` spells out, or None for a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None
