"""The start page's way to one's own images: dropped into the page, or named by their path on this machine."""

from collections.abc import Callable

import streamlit as st

from app.doors.visitor import is_owner
from app.roots import about_roots
from app.sessions.dropped_images import DROPPED_IMAGES, MOST_IMAGES, MOST_MEGABYTES, Sent
from app.sessions.uploads import free_sent
from app.wording import SETTING_HELP, as_written
from vqcore.data.opening import opened_images
from vqcore.data.pictures import SUFFIXES
from vqcore.training.recipe import Recipe, default_recipe

SIZES = (16, 32, 64, 128)
FIRST_SIZE = 32
WIDTH, NUM_CODES, BATCH = 32, 256, 16
"""Half the published width and a quarter of its codes: on a CPU too, a few dozen images train at several steps/s."""

ABOUT = "A few dozen of them, or a folder of this machine, train the paper's autoencoder."
KEPT = f"At most {MOST_IMAGES} images and {MOST_MEGABYTES} MB together. Kept on this server until it ends."


def your_images_card(begin: Callable[[Recipe], None]) -> None:
    """A card below those of the starts; `begin` is called with the recipe to train."""
    with st.container(border=True, key="start-own", horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Your images", icon=":material/add_photo_alternate:", key="own-ask"):
            _dialog(begin)
        st.markdown(ABOUT)


@st.dialog("Your images")
def _dialog(begin: Callable[[Recipe], None]) -> None:
    sent = st.file_uploader(
        "Images",
        type=sorted(suffix.lstrip(".") for suffix in SUFFIXES),
        accept_multiple_files=True,
        max_upload_size=MOST_MEGABYTES,
        key="own-images",
        help=KEPT,
    )
    path = ""
    if is_owner():
        path = st.text_input(
            "Or a folder or file on this machine",
            placeholder="pictures/faces",
            key="own-path",
            help=f"{SETTING_HELP['data']} {as_written(about_roots())}",
        ).strip()
    size = st.segmented_control(
        "Image size in pixels",
        SIZES,
        default=FIRST_SIZE,
        required=True,
        key="own-size",
        help="Each image is scaled to a square of this edge, cut to its middle.",
    )
    if not st.button("Train on them", type="primary", disabled=not (sent or path), key="own-begin"):
        return
    try:
        data = path or DROPPED_IMAGES.put([Sent(file.name, file.size, file) for file in sent])
        recipe = _recipe(data, size)
    except ValueError as error:
        st.error(as_written(str(error)), icon=":material/error:")
    else:
        for file in sent:
            free_sent(file)
        begin(recipe)
        st.rerun()


def _recipe(data: str, size: int) -> Recipe:
    """What trains on the images of `data`; ValueError, in a sentence, where they cannot be opened."""
    recipe = default_recipe("vqvae", data=data, image_size=size, width=WIDTH, num_codes=NUM_CODES, batch_size=BATCH)
    opened_images(data).split(recipe.seed)
    return recipe
