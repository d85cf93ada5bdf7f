"""The heads of the Live page's panels: titles and controls, redrawn only when one of them is used.

Nothing here changes during training: what does comes by the live WebSocket.
"""

from collections.abc import Callable

from app import wording
from app.links import live as address
from app.links.selection import Pin
from app.live import choice as choice_state
from app.live.film import film_popover
from app.live.focus_controls import find_codes, let_go, look_of_map
from app.live.glossary import glossary
from app.live.map_settings import settings_popover
from app.live.runs import runs_popover
from app.live.state import live_state
from app.live.view_controls import choose, view_key
from app.panels.head import bar
from app.panels.lecture_places import NOWHERE, place
from app.panels.scene import Scene
from app.sessions import planes


def map_head(scene: Scene) -> None:
    """Title, the plane and its settings, search, colours, and a button that clears the selection."""
    entry, snapshot, focus = scene.entry, scene.snapshot, scene.focus
    memory = entry.maps.of(snapshot, scene.status.run)
    views = planes.views_of(snapshot)
    head = bar("map")
    heading = head.container(width="stretch", key="map-heading")
    chosen, tools = scene.view.controls["map"], place("view", head)
    if chosen in ("UMAP", "two codes") and len(views) > 1 and tools is not NOWHERE:
        settings_popover(tools, chosen)
    if len(views) > 1:
        tools.button(
            "Fit the plane again",
            icon=":material/center_focus_strong:",
            key="refit",
            type="tertiary",
            help="The map is kept from turning under you. Fit its plane, or lay it out, again at this moment.",
            on_click=memory.ask_for_refit,
        )
    glossary(head)
    let_go(head, focus)
    if tools is not NOWHERE:
        find_codes(tools, entry, snapshot, scene.problem, focus)
        look_of_map(tools, snapshot)
    if len(views) > 1:
        choose(head, "map", views)
    heading.html("<div class='vq-panel'><h2>P · C · Q</h2></div>")


def bars_head(scene: Scene) -> None:
    """What the bars show, in which order and on which scale."""
    head = bar("bars")
    heading = head.container(width="stretch")
    kind = choose(head, "bars", [kind for kind in address.VIEWS["bars"] if kind != "levels" or scene.words.name])
    if kind == "time":
        choose(head, "rows", address.VIEWS["rows"])
    elif kind != "levels":
        choose(head, "order", address.VIEWS["order"])
        choose(head, "scale", address.VIEWS["scale"])
    heading.html(f"<div class='vq-panel'><h2>{wording.bars_title(kind, scene.status.recipe.structure)}</h2></div>")


def curves_head(scene: Scene) -> None:
    """The session's runs, which curves, and how smooth."""
    head = bar("curves")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Through time</h2></div>")
    runs_popover(place("view", head), scene)
    choose(head, "curves", address.VIEWS["curves"])
    place("view", head).selectbox(
        "Smoothing",
        address.VIEWS["smoothing"],
        index=address.VIEWS["smoothing"].index(live_state().first("smoothing")),
        key=view_key("smoothing"),
        format_func=lambda steps: "raw" if steps == "1" else f"mean {steps}",
        label_visibility="collapsed",
        width=112,
    )


def examples_head(scene: Scene) -> None:
    """Title of the examples, or of the code card in their place."""
    if scene.shows_card:
        _card_head(scene)
        return
    head = bar("examples")
    name = "Picture" if scene.shows_picture else wording.examples_title(scene.problem.task, scene.words)
    head.container(width="stretch").html(f"<div class='vq-panel'><h2>{name}</h2><span>held-out</span></div>")
    if scene.shows_picture:
        film_popover(head, scene)
    if scene.problem.task != "plane":
        choose(head, "examples", address.VIEWS["examples"])
    if scene.focus.choice.code is not None:
        choose(head, "panel", ("code", "inputs"), _beside_card(scene))


def _card_head(scene: Scene) -> None:
    focus, code = scene.focus, scene.focus.choice.code
    assert code is not None
    head = bar("card")
    head.container(width="stretch").html(
        f"<div class='vq-panel'><h2>Code {code:,}</h2><span>{scene.words.name}</span></div>"
    )
    pin = Pin(code, scene.snapshot.level)
    head.button(
        "Unpin" if pin in focus.pins else "Pin",
        icon=":material/keep_off:" if pin in focus.pins else ":material/keep:",
        key="pin",
        help="A pinned code keeps its colour in every view",
        on_click=choice_state.toggle_pin,
        args=(pin,),
    )
    choose(head, "panel", ("code", "inputs"), _beside_card(scene))


def _beside_card(scene: Scene) -> Callable[[str], str]:
    """What the choice between the card and what stands there else is called."""
    other = scene.view.controls["examples"] if scene.problem.task != "plane" else "inputs"
    return lambda value: other if value == "inputs" else value
