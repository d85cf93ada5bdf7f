"""What is posted and called back when a finding turns severe, by a server on loopback that keeps what it is sent."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from test_watch_command import K, record

import vqcore
from vqcore.cli import main
from vqcore.runs import following, webhook
from vqcore.runs.writing import RunWriter

BOOK = {"name": "<!channel>", "num_codes": K, "dim": 2, "structure": "whole", "level": 0, "moved_by": "ema"}


@pytest.fixture
def writer(tmp_path) -> RunWriter:
    return RunWriter(tmp_path / "run", {"codebooks": [BOOK]})


@pytest.fixture
def posts() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and the JSON that came there; /moved answers with a redirect."""
    came: list[dict[str, Any]] = []

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(302 if self.path.startswith("/moved") else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Keeper) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", came
        server.shutdown()
        thread.join()


def collapse_and_recover(writer: RunWriter, monkeypatch) -> None:
    """A sound step is there; each wait is the moment of one more, the last of which ends the training."""
    record(writer, 0, used=K, book=BOOK["name"])
    used = iter([(50, 1), (100, 1), (150, K), (200, 1)])

    def train(_: float) -> None:
        step, codes = next(used, (None, 0))
        if step is None:
            writer.append({"ended": 1.0, "error": ""})
        else:
            record(writer, step, used=codes, book=BOOK["name"])

    monkeypatch.setattr(following.time, "sleep", train)


def test_a_finding_is_called_back_whenever_it_turns_severe_and_not_while_it_stays(writer, monkeypatch):
    collapse_and_recover(writer, monkeypatch)
    alerts: list[vqcore.Alert] = []
    vqcore.follow(writer.folder, alerts.append)
    assert [{(one.after, one.by) for one in alert.onsets} for alert in alerts] == [{(0, 50)}, {(150, 200)}]
    assert "index-collapse" in {one.finding.condition for one in alerts[0].onsets}
    assert "between step 0 and 50" in alerts[0].text


def test_the_first_look_tells_only_what_is_severe_now(writer):
    for step, used in ((0, 1), (50, K), (100, 1), (150, 1)):
        record(writer, step, used=used, book=BOOK["name"])
    alerts: list[vqcore.Alert] = []
    vqcore.follow(writer.folder, alerts.append, seconds=None)
    (alert,) = alerts
    collapses = [one for one in alert.onsets if one.finding.condition == "index-collapse"]
    assert [(one.after, one.by) for one in collapses] == [(50, 100)]


def test_a_webhook_gets_one_post_a_look_and_names_cannot_call_a_channel(writer, posts, monkeypatch, capsys):
    address, came = posts
    collapse_and_recover(writer, monkeypatch)
    assert main(["watch", str(writer.folder), "--json", "--webhook", f"{address}/hook"]) == 1
    told = json.loads(capsys.readouterr().out)["alerts"]
    assert [{one["by"] for one in post["findings"]} for post in came] == [{50}, {200}]
    assert [one for post in came for one in post["findings"]] == told
    assert {one["codebook"] for one in told} == {BOOK["name"]}
    assert all("&lt;!channel&gt;" in post["text"] and "<" not in post["text"] for post in came)


def test_a_webhook_that_fails_is_one_sentence_without_its_secret_and_watching_goes_on(
    writer, posts, monkeypatch, capsys
):
    address, _ = posts
    collapse_and_recover(writer, monkeypatch)
    assert main(["watch", str(writer.folder), "--webhook", f"{address}/moved?key=secret"]) == 1
    out, err = capsys.readouterr()
    assert err.splitlines() == ["The alert did not reach the webhook at 127.0.0.1 (HTTP status 302)."] * 2
    assert len([line for line in out.splitlines() if line.startswith("step")]) == 5


def test_nobody_there_or_a_server_that_never_answers_takes_bounded_time(writer):
    record(writer, 0, used=1, book=BOOK["name"])
    alerts: list[vqcore.Alert] = []
    vqcore.follow(writer.folder, alerts.append, seconds=None)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = webhook.post(address, alerts[0], seconds=0.1)
    assert "(timed out)" in said or "(no answer within 0.1 seconds)" in said
    assert "refused" in webhook.post(address, alerts[0])


@pytest.mark.parametrize(
    "address", ["", "file:///etc/passwd", "host/path", "http://", "http://host:x/", "http://a b"]
)
def test_what_is_no_address_is_refused_before_anything_is_read(address, tmp_path, capsys):
    assert main(["watch", str(tmp_path / "missing"), "--webhook", address]) == 2
    assert capsys.readouterr().err == (
        "`--webhook` must be an address such as https://host/path, but what was given is none.\n"
    )
