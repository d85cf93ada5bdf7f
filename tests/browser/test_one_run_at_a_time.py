"""The settings that the package ships, against Streamlit itself."""

from collections.abc import Callable

from real_app import ROOT, streamlit_server
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

SLOW = ROOT / "tests" / "browser" / "pages" / "slow_app.py"
SECONDS = 60


def test_two_runs_of_a_page_never_overlap(tmp_path):
    """The end of the older one resets the buttons pressed for the newer one, whose click is then lost."""
    wish = BackMsg()
    wish.rerun_script.query_string = ""
    with (
        streamlit_server(SLOW, tmp_path / "log.txt") as server,
        connect(f"{server.url.replace('http', 'ws')}/_stcore/stream", subprotocols=["streamlit"]) as page,
    ):
        for _ in range(3):
            page.send(wish.SerializeToString())
            read_until(page, lambda message: message.WhichOneof("type") == "new_session")  # this run is under way
        last = read_until(page, lambda message: message.delta.new_element.text.body)
    assert last.delta.new_element.text.body == "at most 1 at once"


def read_until(page: ClientConnection, is_it: Callable[[ForwardMsg], object]) -> ForwardMsg:
    while True:
        message = ForwardMsg.FromString(page.recv(SECONDS))
        if is_it(message):
            return message
