"""The Live page's settings of the paper's networks: which images, how large, how wide, and where it is quantized."""

from functools import lru_cache

import streamlit as st
import torch

from app.live.controls import default, key, value
from app.live.pending import label
from app.panels.lecture_places import place, row
from app.sessions.entry import Entry
from app.wording import SETTING_HELP, as_written
from vqcore.data.opening import known_images
from vqcore.models.problems import NETWORKS, OWN, description
from vqcore.training.recipe import MAX_IMAGE_SIZE, MAX_WIDTH, Recipe, problem_of

MOST_DESCRIBED = 32


def image_settings() -> None:
    """Draw them where the problem leaves a choice; a restart begins with what they say."""
    network = NETWORKS.get(value("problem"))
    if network is None:
        return
    place("data").text_input(
        label("data", "Images"), value=default("data"), key=key("data"), help=SETTING_HELP["data"]
    )
    size, width = row("image_size", "width")
    for where, name, words, most in (
        (size, "image_size", "Image size", MAX_IMAGE_SIZE),
        (width, "width", "Width", MAX_WIDTH),
    ):
        where.number_input(
            label(name, words), 0, most, value=default(name), step=1, key=key(name), help=SETTING_HELP[name]
        )
    places = (OWN, *network.places)
    place("quantize_at").selectbox(
        label("quantize_at", "Quantize at"),
        places,
        index=places.index(default("quantize_at")) if default("quantize_at") in places else 0,
        key=key("quantize_at"),
        help=SETTING_HELP["quantize_at"],
    )


def network_caption(entry: Entry, recipe: Recipe) -> None:
    """Say how large the network is, and of which images, once a first moment is there. K is a setting below."""
    snapshot = entry.one.latest(wish=False)
    if snapshot is not None:
        st.caption(_described(recipe, (1, *snapshot.inputs.shape[1:])))
        if (images := known_images(recipe.data)) is not None:
            st.caption(as_written(images.said))


@lru_cache(maxsize=MOST_DESCRIBED)
def _described(recipe: Recipe, shape: tuple[int, ...]) -> str:
    """Of a network without weights: its sizes take no memory and no time."""
    with torch.device("meta"):
        return description(problem_of(recipe).build(), torch.empty(shape))
