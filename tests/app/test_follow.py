"""Following a session: everything is seen, and nothing that is sent changes it."""

from collections.abc import Iterator
from types import MappingProxyType
from urllib.parse import urlencode

import pytest
from live_page_runs import control, entry_of, open_page, reach, step_of
from page_runs import press, run, shown, state_in
from road_reading import frame, parts
from streamlit.testing.v1 import AppTest

from app.links.live import RECIPE_NAMES
from app.live.state import LiveState
from app.sessions.entry import Entry
from app.sessions.registry import MOST_FOLLOWERS, MOST_SESSIONS, registry
from app.sessions.watched import CARDS_A_SECOND, LOOKS_A_SECOND, WatchedSession
from vqcore.quantizer.options import option_names
from vqcore.training import commands
from vqcore.training.one_variant import OneVariant
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")

RECIPE = default_recipe("plane", device="cpu", num_codes=8)
EVERY_COMMAND = (
    commands.PauseCommand(),
    commands.ResumeCommand(),
    commands.StepCommand(),
    commands.UntilCommand(40),
    commands.SpeedCommand(1.0),
    commands.ChangeCommand(MappingProxyType({"beta": 0.1})),
    commands.ForkCommand("twin", MappingProxyType({})),
    commands.EndVariantCommand("main"),
    commands.RestartCommand(RECIPE),
    commands.UndoRestartCommand(),
    commands.ExperimentCommand("Affine"),
    commands.CancelExperimentsCommand(),
    commands.ShowRunCommand(1),
    commands.ExamineCommand(0),
    commands.PictureCommand(),
)
OTHER_VALUES = {
    "affine": "running",
    "beta": 0.1,
    "sync": 3.0,
    "replace_every": 7,
    "problem": "digits",
    "bypass": True,
}


def begun(*, paused: bool = True) -> Entry:
    entry = registry().begin(RECIPE, paused=paused)
    assert entry.session.wait(lambda session: session.latest() is not None)
    return entry


def state_of(entry: Entry) -> tuple:
    """All of a session that somebody could have changed."""
    snapshot, status = entry.session.latest(), entry.session.status()
    kept = (status.state, status.recipe, status.run, status.variants, status.speed_limit, status.can_undo)
    return (*kept, status.message, snapshot.step, snapshot.events, dict(entry.session.recipes))


def follow(entry: Entry, **query: str) -> AppTest:
    return open_page(watch=entry.watch_id, **query)


def messages(block) -> Iterator[str]:
    """All that a page sends to its browser."""
    for child in block.children.values():
        if proto := getattr(child, "proto", None):
            yield str(proto)
        yield from messages(child) if hasattr(child, "children") else ()


def test_every_command_there_is_was_thought_of():
    assert {type(command) for command in EVERY_COMMAND} == set(commands.Command.__args__)


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda command: type(command).__name__)
def test_a_follower_sends_nothing(command):
    owner = begun()
    before, done = state_of(owner), owner.session.status().commands_done
    follower = registry().follow(owner.watch_id)
    as_a_page_has_it = OneVariant(follower.session, "main")
    for send in (follower.session.send, as_a_page_has_it.send, follower.send):
        with pytest.raises(PermissionError, match=type(command).__name__):
            send(command)
    assert owner.session.commands_pending() == 0
    assert (state_of(owner), owner.session.status().commands_done) == (before, done)


def test_a_follower_reads_all_that_a_page_reads():
    owner = begun()
    own, followed = owner.session, registry().follow(owner.watch_id).session
    assert followed.latest() is own.latest()
    assert followed.history() is own.latest().history
    assert followed.at(0).step == 0
    assert (followed.moments(), followed.status(), followed.trained_steps()) == (own.moments(), own.status(), 0)
    query = commands.ExamineCommand(0)
    assert followed.wait(lambda session: session.examination(query) is not None)
    assert followed.examination(query) is own.examination(query)


def test_a_follower_of_several_variants_sees_the_first_where_none_is_named():
    owner = registry().begin({"baseline": RECIPE, "sync": RECIPE}, paused=True)
    assert owner.session.wait(lambda session: session.latest() is not None)
    followed = registry().follow(owner.watch_id)
    assert followed.session.latest() is owner.session.latest("baseline")
    assert followed.session.at(0).variant == followed.one.latest().variant == "baseline"
    assert followed.session.latest_of_all() == owner.session.latest_of_all()


def test_what_a_follower_has_holds_nothing_that_ends_or_changes_a_session():
    public = {name for name in dir(WatchedSession) if not name.startswith("_")}
    assert public & {name for name in dir(Session) if not name.startswith("_")} >= public - {"recipes"}
    assert not public & {"start", "stop"}
    owner = begun()
    follower = registry().follow(owner.watch_id)
    seen: list[object] = []
    follower.session.wait(lambda session: bool(seen.append(session)) or True)
    assert seen == [follower.session]
    with pytest.raises(TypeError):
        follower.session.recipes["main"] = default_recipe("digits")
    snapshot = follower.session.latest()
    for array in (snapshot.codebook, snapshot.counts, snapshot.z_e):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_page_that_follows_shows_the_session_and_offers_no_control():
    owner = begun(paused=False)
    page = follow(owner)
    assert shown(page) >= {"map-plot", "bars-plot", "curves-plot", "tiles", "status", "time-bar"}
    assert not [*page.sidebar.slider, *page.sidebar.number_input, *page.sidebar.selectbox, *page.sidebar.button_group]
    assert not {"play", "step", "restart", "undo", "replace_now"} & {button.key for button in page.button}
    assert parts(page)["status"]["facts"][0] == "following a session"
    assert page.query_params["watch"] == owner.watch_id
    assert "session" not in page.query_params


def test_nothing_that_a_browser_sends_changes_the_session():
    owner = begun()
    before = state_of(owner)
    page = follow(
        owner,
        problem="digits",
        paused="0",
        at="3",
        beta="0.1",
        affine="running",
        num_codes="4",
        seed="9",
        hide="view",
    )
    run(page)
    for generation in range(1, 4):
        for name, value in OTHER_VALUES.items():
            page.session_state[f"{name}-{generation}"] = value
    for name in (*option_names(), *RECIPE_NAMES, "replace_now", "play", "restart", "undo", "step"):
        page.session_state[name] = True
    for asked in (default_recipe("digits"), RECIPE):
        state_in(page, LiveState).asked = state_in(page, LiveState).adopted = asked
        run(page)
    page.query_params["at"] = "0"
    run(page)
    run(page)
    assert state_of(owner) == before


def test_views_of_a_follower_are_his_own():
    teacher = reach(open_page(problem="digits", paused="1"), lambda session: step_of(session) == 0)
    owner = entry_of(teacher)
    pages = [follow(owner, map="UMAP", bars="gradient"), follow(owner)]
    assert pages[0].query_params["bars"] == "gradient"
    assert "bars" not in run(pages[1]).query_params
    press(pages[0], "refit")
    assert not any(memory.refit_wanted for memory in owner.maps.by_level.values())
    streams = {entry.stream(0) for entry in registry()._followers.values()}
    assert len(streams) == 2
    assert owner.stream(0) not in streams
    run(teacher)
    assert "bars" not in teacher.query_params


def test_followers_see_what_the_owner_does():
    teacher = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    page = follow(entry_of(teacher))
    teacher.button_group(key=control(teacher, "affine")).set_value("running")
    run(teacher)
    press(teacher, "step")
    reach(teacher, lambda session: step_of(session) == 1)
    run(page)
    (row,) = [text for text in messages(page.sidebar) if "affine</td>" in text]
    assert '<tr class=\\"changed\\"><td>affine</td><td>running</td>' in row
    assert page.query_params["affine"] == "running"
    press(teacher, "restart")
    reach(teacher, lambda session: step_of(session) == 0)
    run(page)
    assert "<b>Step 0</b>" in parts(page)["story"]["html"]


def test_the_owners_id_is_nowhere_on_a_page_that_follows():
    teacher = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    owner = entry_of(teacher)
    page = follow(owner)
    page.session_state["link"] = page.session_state["command"] = True
    run(page)
    sent = "".join(messages(page._tree))
    assert "python -m vqcore train" in sent
    assert owner.watch_id in sent
    assert owner.id not in sent
    assert owner.id not in urlencode(dict(page.query_params.items()))
    assert owner.id in entry_of(teacher).id  # the search above would have found it
    sent_beside = b"".join(data for _, _, data in frame(page).parts)
    assert b"following a session" in sent_beside
    assert owner.id.encode() not in sent_beside


def test_neither_id_stands_for_the_other():
    owner = begun()
    follower = registry().follow(owner.watch_id)
    assert registry().find(owner.watch_id) is None
    assert registry().find(follower.id) is None
    assert registry().follow(owner.id) is None
    assert registry().follow("") is None
    assert registry().follow(None) is None
    assert len({owner.id, owner.watch_id, follower.id}) == 3
    page = open_page(session=owner.watch_id)
    assert "has ended" in page.info[0].value
    page = open_page(session=owner.id, watch=owner.watch_id)  # watching goes before touching
    assert "session" not in page.query_params
    assert not page.sidebar.number_input


def test_a_session_that_is_gone_is_said_with_a_way_back_and_nothing_is_begun():
    page = open_page(watch="gone-with-its-server", problem="plane", beta="0.5")
    assert "has ended" in page.info[0].value
    assert registry()._sessions == {}
    press(page, "begin-again")
    assert "watch" not in page.query_params
    assert entry_of(page).session.status().recipe.options.beta == 0.5
    assert open_page(watch="gone-with-its-server").info


def test_a_session_that_ends_while_it_is_followed_is_said():
    owner = begun()
    page = follow(owner)
    registry().close()
    run(page)
    assert "has ended" in page.info[0].value
    assert registry()._sessions == {}


def test_followers_keep_a_session_awake_and_only_its_own_end_ends_it():
    owner, others = begun(), [begun() for _ in range(MOST_SESSIONS - 1)]
    followers = [registry().follow(owner.watch_id) for _ in range(MOST_FOLLOWERS + 1)]
    assert registry().find_follower(followers[0].id) is None  # the earliest, which would join again
    followers[1].session.latest()
    registry().begin(RECIPE, paused=True)  # one more than there may be
    assert registry().find(owner.id) is owner
    assert registry().find(others[0].id) is None
    for entry in others[1:]:
        entry.session.latest()
    registry().begin(RECIPE, paused=True)
    assert registry().find(owner.id) is None
    assert registry().find_follower(followers[-1].id) is None
    assert registry()._followers == {}


def test_an_idle_session_goes_on_when_a_follower_looks():
    now = [0.0]
    session = Session(RECIPE, idle_pause_seconds=5.0, clock=lambda: now[0])
    session.start()
    try:
        assert session.wait(lambda session: session.status().state is State.RUNNING)
        now[0] = 60.0
        assert session.wait(lambda session: session.status().state is State.IDLE)
        WatchedSession(session).latest()
        assert session.wait(lambda session: session.status().state is State.RUNNING)
    finally:
        session.stop()


def test_a_class_takes_no_more_of_a_training_than_one_reader_and_all_get_their_turn(monkeypatch):
    owner, now, wishes = begun(), [0.0], []
    for name in ("latest", "examination"):
        asked = getattr(owner.session, name)

        def recording(*words, wish=True, name=name, asked=asked, **more):
            wishes.extend([(name, words)] * wish)
            return asked(*words, wish=wish, **more)

        monkeypatch.setattr(owner.session, name, recording)
    watched = WatchedSession(owner.session, clock=lambda: now[0])
    queries = [commands.ExamineCommand(code) for code in range(RECIPE.num_codes)]
    seconds = 12
    for tick in range(10 * seconds):
        now[0] = tick / 10
        for query in queries:
            watched.latest()
            watched.examination(query)
    looks = [words for name, words in wishes if name == "latest"]
    cards = [words[0] for name, words in wishes if name == "examination"]
    assert seconds * LOOKS_A_SECOND - 1 <= len(looks) <= seconds * LOOKS_A_SECOND + 1
    assert seconds * CARDS_A_SECOND - 1 <= len(cards) <= seconds * CARDS_A_SECOND + 1
    turns = [cards.count(query) for query in queries]
    assert max(turns) - min(turns) <= 1
    assert all(watched.wait(lambda session, query=query: session.examination(query)) for query in queries)


def test_all_followers_of_a_session_share_its_pace():
    owner, other = begun(), begun()
    first, second = (registry().follow(owner.watch_id).session for _ in range(2))
    assert first is second
    assert registry().follow(other.watch_id).session is not first


def test_who_was_forgotten_as_a_follower_follows_anew_and_is_told_nothing():
    owner = begun()
    page = follow(owner)
    first = state_in(page, LiveState).session
    for _ in range(MOST_FOLLOWERS):
        registry().follow(owner.watch_id)
    assert registry().find_follower(first) is None
    page.query_params.clear()  # back from another page
    run(page)
    assert page.query_params["watch"] == owner.watch_id
    assert state_in(page, LiveState).session != first
    assert not page.info
