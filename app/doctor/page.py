"""The Doctor page: what is wrong with a codebook in a file, with numbers, cause and remedy."""

from pathlib import Path

import streamlit as st

from app.doctor.asking import ask, reread
from app.doctor.case import Case, find_or_begin
from app.doctor.collecting import ASKED, how_to_collect
from app.doctor.dropping import drop
from app.doctor.examples import EXAMPLES
from app.doctor.markup import markup
from app.doctor.result import result
from app.doctor.state import DoctorState, doctor_state
from app.doctor.under_way import begin_charts, under_way
from app.links import doctor as doctor_address
from app.links.doctor import Asked
from app.live_plot.again import polled
from app.panels.head import brand
from app.roots import about_roots
from app.sessions.registry import registry
from app.sessions.uploads import MOST_MEGABYTES
from app.wording import as_written

POLL_SECONDS = 0.5
BRIEF_SECONDS = 0.3
LEAD = (
    "Give a checkpoint of any library and, if you have them, the vectors that its quantizer gets. "
    "The doctor names what is wrong with each codebook, the numbers behind it, and what to try. "
    "Nothing in the file is run, and it is never written to."
)
DROPPED = "This examination is no longer kept. Examine the file again."


def page() -> None:
    """The page, as a script."""
    st.html(Path(__file__).with_name("doctor.css"))
    st.html(brand("Doctor"))
    state = doctor_state()
    asked = _adopt_link(state)
    _bar(asked, state.generation)
    state.written = doctor_address.write(asked, state.look, state.map) if asked else doctor_address.write(asked)
    st.query_params.from_dict(dict(state.written))
    dropped = bool(asked) and asked == state.shown and registry().cases.find(asked) is None
    case = find_or_begin(registry().cases, registry().uploads, asked) if asked and not dropped else None
    state.shown = asked
    parts_shown = _parts(case) if case is not None and _is_long(case) else None
    running = parts_shown is not None
    with st.container(key="doctor-watch"):  # always there: a fragment that comes and goes is asked for in vain
        polled(_watch, POLL_SECONDS if running else None, "again-doctor")(asked, parts_shown)
    if dropped:
        _dropped(asked)
    elif case is None:
        _empty()
    elif running:
        if case.reading is not None:
            under_way(case, case.reading, state.look)
    elif case.examination.result is not None:
        result(case, case.examination.result)
    else:
        _refused(case)


def _adopt_link(state: DoctorState) -> Asked:
    """What is asked for: by the URL, where it says something that this page has not written there itself."""
    query = st.query_params.to_dict()
    if state.asked is not None and (not query or query == state.written):
        return state.asked  # a link within the app has no query: the page is as it was left
    link = doctor_address.read(query)
    ask(link.asked)
    state.look, state.map = link.look, link.map
    for sentence in link.refused:
        st.toast(as_written(sentence), icon=":material/link_off:", duration="long")
    return link.asked


def _bar(asked: Asked, generation: int) -> None:
    """Which file; the form, that Enter examines too."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="doctor-bar"):
        with (
            st.container(width="stretch"),
            st.form(f"doctor-form-{generation}", border=False, enter_to_submit=True),
        ):
            first, second, third = st.columns([0.5, 0.36, 0.14], gap="small", vertical_alignment="bottom")
            path = first.text_input(
                "Checkpoint on this machine",
                value=asked.path,
                placeholder="/runs/vqgan/last.ckpt",
                key=f"doctor-path-{generation}",
                help=".pt .pth .bin .ckpt .safetensors .npz, or a folder of them: the newest is examined. "
                + as_written(about_roots()),
            )
            latents = second.text_input(
                "Latents or codes, optional",
                value=asked.latents,
                placeholder="/runs/vqgan/z_e.npy",
                key=f"doctor-latents-{generation}",
                help="What the quantizer gets, in any layout with D features; or the codes that it gave, "
                "which are enough to judge usage. .npy .npz .pt .safetensors",
            )
            pressed = third.form_submit_button("Examine", type="primary", width="stretch", key="doctor-examine")
        with st.popover("Drop a file", icon=":material/upload_file:", help=f"Up to {MOST_MEGABYTES} MB"):
            drop()
    if pressed and path.strip():
        ask(Asked(path=path.strip(), latents=latents.strip()), afresh=True)
        st.rerun()
    with st.container(key="doctor-said"):
        if pressed:
            st.warning("Enter the path of a checkpoint first, or drop a small file.", icon=":material/info:")


def _empty() -> None:
    st.html(markup("lead", about=LEAD, roots=about_roots()))
    _, *places, _ = st.columns([1, *[4] * len(EXAMPLES), 1])
    for column, (name, example) in zip(places, EXAMPLES.items(), strict=True):
        with column.container(border=True, height="stretch", key=f"doctor-example-{name}"):
            st.button(
                example.title,
                icon=example.icon,
                key=f"doctor-begin-{name}",
                on_click=ask,
                args=(Asked(example=name),),
                width="stretch",
            )
            st.markdown(example.about)
            st.caption(f"{example.problem}, {example.steps} steps")
    _, middle, _ = st.columns([1, 4 * len(EXAMPLES), 1])
    with middle.expander(ASKED, icon=":material/help:"):
        how_to_collect("empty")


def _is_long(case: Case) -> bool:
    """Whether the examination still runs, after a short wait so that a quick one ends without flicker."""
    if case.is_being_drawn or not case.examination.is_running:
        return case.examination.is_running
    if (reading := case.wait_for_reading(POLL_SECONDS)) is not None:
        begin_charts(case, reading, doctor_state().look)
        case.examination.wait(BRIEF_SECONDS)
    return case.examination.is_running


def _parts(case: Case) -> int:
    """How much of a running examination can be shown already."""
    return (case.reading is not None) + (case.without_latents is not None)


def _watch(asked: Asked, parts_shown: int | None) -> None:
    """Progress of the examination; only this part is refreshed until it has ended or there is more to show."""
    was_running = parts_shown is not None
    case: Case | None = registry().cases.find(asked) if was_running else None
    if case is None or not case.examination.is_running or _parts(case) != parts_shown:
        if was_running:
            st.rerun()
        return
    job = case.examination
    with st.container(border=True, key="panel-doctor-progress"):
        bar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar-doctor-progress")
        bar.container(width="stretch").progress(job.stage.share, text=as_written(f"{job.stage.doing} …"))
        if bar.button("Cancel", icon=":material/close:", key="doctor-cancel"):
            job.cancel()
            st.rerun()


def _refused(case: Case) -> None:
    """Why there is no result, other ways to read the file, and the way back."""
    job = case.examination
    if job.problem:
        st.error(as_written(job.problem), icon=":material/error:")
        if job.details:
            with st.expander("Traceback"):
                st.code(job.details, language="text")
    else:
        st.info("The examination was cancelled.", icon=":material/info:")
    _ways_on(case.asked)
    if job.problem and not job.details and case.request is not None and case.request.path.exists():
        with st.container(border=True, key="panel-doctor-reread"):
            st.html(
                "<div class='vq-panel'><h2>Read it differently</h2>"
                "<span>as the options of the same names do</span></div>"
            )
            has_latents = case.has_latents and not case.has_codes
            reread(case.asked, list(case.tensors), of_codes=case.has_codes, of_latents=has_latents)


def _dropped(asked: Asked) -> None:
    """Say that an examination is gone. It is not restarted unasked: waiting pages would keep ending each other's."""
    st.info(DROPPED, icon=":material/info:")
    _ways_on(asked)


def _ways_on(asked: Asked) -> None:
    with st.container(horizontal=True, gap="small"):
        st.button("Examine again", icon=":material/refresh:", key="doctor-again", on_click=ask, args=(asked,),
                  kwargs={"afresh": True})  # fmt: skip
        st.button("Begin with another file", icon=":material/arrow_back:", key="doctor-back", on_click=ask,
                  args=(Asked(),))  # fmt: skip


page()
