from dataclasses import FrozenInstanceError, replace

import pytest

from vqcore.quantizer.options import Options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("affine", "maybe"),
        ("affine_groups", 0),
        ("affine_groups", 17),
        ("affine_lr_scale", 0.0),
        ("sync", -0.1),
        ("sync", float("nan")),
        ("inner_steps", -1),
        ("inner_steps", 1.5),
        ("inner_lr", float("inf")),
        ("inner_momentum", 1.0),
        ("alpha", -1),
        ("beta", 2),
        ("beta", "half"),
        ("learning_rate", -1e-3),
        ("replace_every", True),
    ],
)
def test_a_value_out_of_range_is_refused_by_name_with_the_value(name, value):
    with pytest.raises(ValueError, match=rf"`{name}` must be .* but got {value!r}"):
        Options(**{name: value})


def test_options_are_values():
    options = Options(sync=0.5)
    assert replace(options, sync=0.0) == Options()
    with pytest.raises(FrozenInstanceError):
        options.sync = 1.0
