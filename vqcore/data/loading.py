"""From the setting `data=` to the tensors of a problem."""

from vqcore.data.built_in import BUILT_IN, built_in_images
from vqcore.data.imageset import ImageSet
from vqcore.data.opening import opened_images
from vqcore.data.parts import MOST_KEPT, LazyPart, fitted_images
from vqcore.problems.problem import Data, Task


def is_path(data: str) -> bool:
    """Whether `data` names something on the disk, and not what comes with the product.

    >>> is_path("photos"), is_path("fashion"), is_path("faces")
    (False, False, True)
    """
    return data not in (*BUILT_IN, "fashion", "own")


def images_of(data: str, size: int, seed: int = 0) -> ImageSet:
    """The set that `data` names; `size` and `seed` matter to patches of photographs alone.

    Raises:
        ValueError: as `opened_images` and `built_in_images` do.
    """
    return built_in_images(data, size, seed) if data in BUILT_IN else opened_images(data)


def check_classes(images: ImageSet) -> None:
    """Refuse, by ValueError, images of fewer than two classes for a classifier."""
    if len(images.classes) < 2:
        raise ValueError(
            f"A classifier needs classes, and {images.name} has {'one' if images.classes else 'none'}. Put the "
            "images of each class into a subfolder of its own, or train vqvae."
        )


def load(data: str, size: int, task: Task, seed: int) -> Data:
    """Training and held-out part of the images of `data` at `size`, as their own parts or `seed` divide them.

    Raises:
        ValueError: for images that cannot be opened, fewer than two, or a classification of images without classes.
    """
    images = images_of(data, size, seed)
    if task == "classification":
        check_classes(images)
    fitted = fitted_images(images, size)
    train, held_out = (LazyPart(fitted, rows, task) for rows in images.split(seed))
    if data in BUILT_IN and len(images) * size * size * images.channels <= MOST_KEPT // 4:
        return Data(train.whole(), held_out.whole())
    return Data(train, held_out)
