"""The names of a server, whom it lets in, and which words of a command line mean it."""

from pathlib import Path

import pytest

from app.doors.names import Authority, names_of
from app.doors.start import CLASS, OWNER, environment_words, is_loopback, make

FOLDER = Path(__file__).parent
LOCAL = names_of("localhost", (), "lab-pc")
EVERYWHERE = names_of("0.0.0.0", (), "Lab-PC")


def host(text: str) -> Authority:
    return Authority.read(text)


@pytest.mark.parametrize(
    "text", ["", ":1", "a:", "a:b", "a:123456", "a:70000", "a b", "a/b", "a@b", "a?b", "[a]", "[::1", "ä", "a\n"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"names a port|is not a name|no IPv6 address"):
        host(text)


@pytest.mark.parametrize(
    ("text", "known", "known_everywhere"),
    [
        ("localhost", True, True),
        ("LOCALHOST.:8501", True, True),
        ("[0:0:0:0:0:0:0:1]:8501", True, True),
        ("lab-pc:8501", False, True),
        ("lab-pc.local", False, True),
        ("192.0.2.7:8501", False, True),  # nobody can let a number point elsewhere
        ("[2001:db8::7]", False, True),
        ("lab-pc.attacker.example", False, False),
        ("192.0.2.7.attacker.example", False, False),
        ("3221225991", False, False),  # a number in no spelling that a browser sends
    ],
)
def test_the_names_of_a_server_are_those_of_where_it_listens(text: str, known: bool, known_everywhere: bool) -> None:
    assert LOCAL.include(host(text)) == known
    assert EVERYWHERE.include(host(text)) == known_everywhere


def test_an_address_and_every_name_told_are_names() -> None:
    names = names_of("192.0.2.7", (host("vq.example.org"), host("other.example.org:8443")), "lab-pc")
    for text in ("192.0.2.7:8501", "vq.example.org", "VQ.example.org:1", "other.example.org", "127.0.0.1"):
        assert names.include(host(text))
    assert not names.include(host("192.0.2.8"))
    assert not names.include(host("lab-pc"))


@pytest.mark.parametrize(
    ("origin", "asked", "welcome"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("http://localhost:8502", "localhost:8501", False),
        ("http://localhost", "localhost", True),
        ("http://localhost:80", "localhost", True),
        ("https://localhost:443", "localhost", True),
        ("https://localhost:80", "localhost", False),
        ("http://[::1]:8501", "[0::1]:8501", True),
        ("http://127.0.0.1:8501", "localhost:8501", False),
        ("https://vq.example.org", "vq.example.org", True),
        ("https://vq.example.org", "localhost:8501", True),  # a proxy that keeps no names
        ("https://vq.example.org:8443", "localhost:8501", False),
        ("https://other.example.org:8443", "localhost:8501", True),
        ("https://other.example.org", "localhost:8501", False),
        ("http://vq.example.org", "vq.example.org:8501", False),  # another server on the same machine
        ("ftp://localhost:8501", "localhost:8501", False),
        ("http://localhost:8501/", "localhost:8501", False),
        ("http://user@localhost:8501", "localhost:8501", False),
        ("null", "localhost:8501", False),
    ],
)
def test_a_page_is_welcome_from_the_same_name_and_port_or_from_a_proxy(
    origin: str, asked: str, welcome: bool
) -> None:
    names = names_of("localhost", (host("vq.example.org"), host("other.example.org:8443")), "lab-pc")
    assert names.welcome(origin, host(asked)) == welcome


def test_only_numbers_of_this_machine_alone_are_loopback() -> None:
    assert [is_loopback(one) for one in ("localhost", "127.0.0.1", "127.0.0.2", "127.1", "::1")] == [True] * 5
    assert [is_loopback(one) for one in ("0.0.0.0", "::", "0", "192.0.2.7", "2001:db8::7")] == [False] * 5


def test_a_token_is_asked_for_where_others_come_in_and_by_nobody_else() -> None:
    assert make(address="localhost").token == ""
    assert make(address="localhost", hosts=["127.0.0.1:9"]).token == ""
    tokens = {make(address=address).token for address in ("0.0.0.0", "::", "192.0.2.7") for _ in range(20)}
    tokens |= {make(address="localhost", hosts=["vq.example.org"]).token for _ in range(20)}
    assert len(tokens) == 80
    assert min(map(len, tokens)) >= 32
    assert make(address="0.0.0.0", no_token=True).token == ""
    assert make(address="localhost", token="chosen-by-hand").token == "chosen-by-hand"


def test_each_token_opens_its_own_and_the_one_of_a_class_tells_nothing_of_the_other() -> None:
    start = make(address="0.0.0.0")
    assert (start.role(start.token), start.role(start.class_token)) == (OWNER, CLASS)
    assert [start.role(wrong) for wrong in ("", "x", start.token[:-1], start.token.swapcase(), "ä\udc80")] == [""] * 5
    assert make(address="0.0.0.0", token=start.token).class_token == start.class_token  # links outlive a restart
    assert make(address="0.0.0.0").class_token != start.class_token
    assert make(address="localhost").role("") == OWNER


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *(("address", one) for one in ("", "unix:///tmp/socket", "[::1]", "a b", "no.such.name.invalid")),
        *(("hosts", [one]) for one in ("", "http://vq.example.org", "a/b", "a:70000")),
        *(("token", one) for one in ("", "short", "with a space", "näher-am-rand", "x" * 129)),
        *(("files", [one]) for one in ("", "/no/such/folder", __file__, "a\0b", "~nobody-of-this-name/x")),
    ],
)
def test_a_word_that_means_nothing_is_named(word: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`--{word.removesuffix('s') if word == 'hosts' else word}` must be"):
        make(**{"address": "localhost", word: value})


def test_the_environment_says_what_the_command_line_does() -> None:
    words = environment_words(
        {"VQ_SCOPE_HOSTS": "lab-pc, vq.example.org:8443", "VQ_SCOPE_NO_TOKEN": "1", "VQ_SCOPE_FILES": f"{FOLDER}:/"}
    )
    start = make(address="localhost", **words)
    assert start.names.told == {Authority("lab-pc", None), Authority("vq.example.org", 8443)}
    assert (start.token, start.is_open) == ("", True)
    assert start.folders == (FOLDER, Path("/"))
    assert make(address="localhost", **environment_words({"VQ_SCOPE_TOKEN": "from-outside"})).token == "from-outside"
    assert environment_words({"VQ_SCOPE_NO_TOKEN": "0", "HOME": "/"}) == {}
