"""One file of codes for a file of several codebooks: each gets those along its place on the levels' axis."""

import json

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, saved
from test_doctor_command import refused, said
from vector_quantize_pytorch import GroupedResidualVQ, ResidualVQ

from vqcore.cli import main

LEVELS = 4


def residual(folder, **options):
    layer = ResidualVQ(dim=D, codebook_size=K, num_quantizers=LEVELS, **options)
    torch.save(layer.state_dict(), folder / "residual.pt")
    return folder / "residual.pt"


def codec(folder):
    """In the layout of EnCodec, whose codes are (batch, levels, time)."""
    state = {}
    for level in range(LEVELS):
        key = f"quantizer.vq.layers.{level}._codebook"
        vectors = torch.from_numpy(codebook(level))
        sizes = torch.full((K,), 2.0) + torch.arange(K)
        state |= {f"{key}.embed": vectors, f"{key}.embed_avg": vectors * sizes[:, None], f"{key}.cluster_size": sizes}
    torch.save(state, folder / "codec.pt")
    return folder / "codec.pt"


def codes(*shape):
    """Each level uses twice as many codes as the one before."""
    generator = np.random.default_rng(0)
    return np.stack([generator.integers(4 * 2**level, size=shape) for level in range(LEVELS)])


def used(report):
    return [None if one["usage"] is None else one["usage"]["used"] for one in report["codebooks"]]


def note(report):
    (said_so,) = {sentence for one in report["codebooks"] for sentence in one["read"] if "is taken as" in sentence}
    return said_so


def answer(capsys, path, file, *words):
    """The report, whatever its verdict."""
    assert main(["doctor", str(path), "--codes", str(file), *map(str, words), "--json"]) in (0, 1)
    return json.loads(capsys.readouterr().out)


EXPECTED = [4, 8, 16, 32]


@pytest.mark.parametrize(
    "shape", [(LEVELS, 900), (900, LEVELS), (3, LEVELS, 300), (3, 300, LEVELS), (LEVELS, 2, 9, 50)]
)
def test_the_axis_that_is_as_long_as_there_are_codebooks_is_taken_for_them(shape, capsys, tmp_path):
    axis = shape.index(LEVELS)
    values = np.moveaxis(codes(*(size for at, size in enumerate(shape) if at != axis)), 0, axis)
    report = said(capsys, codec(tmp_path), "--codes", kept(tmp_path, values), code=1)
    assert used(report) == EXPECTED
    each = values.size // LEVELS
    assert {one["usage"]["num_vectors"] for one in report["codebooks"]} == {each}
    assert f"axis {axis} is taken as the {LEVELS} codebooks" in note(report)


@pytest.mark.parametrize(("made_by", "axis"), [(residual, 2), (codec, 1)])
def test_where_two_axes_fit_the_librarys_custom_decides_says_so_and_can_be_overruled(made_by, axis, capsys, tmp_path):
    values = np.moveaxis(codes(LEVELS, LEVELS), 0, axis)
    path, file = made_by(tmp_path), kept(tmp_path, values)
    assert used(answer(capsys, path, file)) == [len(np.unique(one)) for one in np.moveaxis(values, axis, 0)]
    for other in {0, 1, 2} - {axis}:
        report = answer(capsys, path, file, "--level-axis", other)
        assert used(report) == [len(np.unique(one)) for one in np.moveaxis(values, other, 0)]
    assert "by this library's convention; ax" in note(answer(capsys, path, file))


def test_where_codebooks_differ_in_size_an_axis_with_codes_beyond_one_of_them_is_not_taken(capsys, tmp_path):
    sizes = (8, 16, 32, 64)
    torch.save(ResidualVQ(dim=D, codebook_size=sizes, num_quantizers=4).state_dict(), tmp_path / "sizes.pt")
    generator = np.random.default_rng(0)
    values = np.stack([generator.integers(size, size=(500, LEVELS)) for size in sizes])  # (levels, 500, 4)
    report = answer(capsys, tmp_path / "sizes.pt", kept(tmp_path, values))
    assert used(report) == list(sizes)
    assert "axis 0 is taken" in note(report)
    assert "that some codebook lacks" in note(report)


def test_groups_and_their_levels_have_an_axis_each(capsys, tmp_path):
    layer = GroupedResidualVQ(dim=3 * D, groups=3, codebook_size=K, num_quantizers=2, kmeans_init=True)
    _, values, _ = layer(torch.randn(2, 400, 3 * D))
    torch.save(layer.state_dict(), tmp_path / "grouped.pt")
    assert values.shape == (3, 2, 400, 2)
    report = said(capsys, tmp_path / "grouped.pt", "--codes", kept(tmp_path, values.numpy()))
    for one in report["codebooks"]:
        mine = values[one["group"], ..., one["level"]]
        assert (one["usage"]["used"], one["usage"]["num_vectors"]) == (len(mine.unique()), mine.numel())


def test_a_shared_codebook_gets_the_codes_of_all_its_levels(capsys, tmp_path):
    path = residual(tmp_path, shared_codebook=True)
    values = codes(500)
    (one,) = said(capsys, path, "--codes", kept(tmp_path, values), code=1)["codebooks"]
    assert (one["usage"]["used"], one["usage"]["num_vectors"]) == (len(np.unique(values)), values.size)


def test_fewer_levels_than_the_file_has_are_taken_for_the_first_where_told(capsys, tmp_path):
    values = codes(900)[:2]
    path, file = codec(tmp_path), kept(tmp_path, values)
    assert "no axis of 4, for" in refused(capsys, path, "--codes", file)
    report = said(capsys, path, "--codes", file, "--level-axis", 0, code=1)
    assert [one["usage"]["num_vectors"] for one in report["codebooks"][:2]] == [900, 900]
    assert used(report)[:2] == EXPECTED[:2]
    assert "at least once in the given codes" not in str(report["codebooks"][2:])


@pytest.mark.parametrize(
    ("values", "words", "sentence"),
    [
        (codes(900) - 1, (), "codes of level 1 of 4 from 0 to 63"),
        (codes(900) + 58, (), "codes of level 2 of 4 from 0 to 63, like the codebook, but has 58 to 65"),
        (codes(900), ("--level-axis", 2), "must be an axis of the codes' shape (4, 900), but is 2"),
        (codes(900), ("--level-axis", 1), "is 900 long, but the file has 4 codebooks"),
        (codes(900).reshape(2, 2, 900), (), "no axis of 4, for"),
        (codes(900).astype(np.float32), (), "must be whole numbers, but is float32"),
        (np.zeros((4, 0), np.int64), ("--level-axis", 1), "holds no code. Give at least one."),
    ],
)
def test_what_does_not_fit_is_a_sentence(values, words, sentence, capsys, tmp_path):
    assert sentence in refused(capsys, codec(tmp_path), "--codes", kept(tmp_path, values), *words)


def test_one_codebook_takes_codes_of_any_shape(capsys, tmp_path):
    values = np.random.default_rng(0).integers(K, size=(5, 7, 90))
    (one,) = said(capsys, saved(tmp_path, codebook()), "--codes", kept(tmp_path, values))["codebooks"]
    assert (one["usage"]["num_vectors"], one["usage"]["used"]) == (values.size, K)
