"""Lesson 7: what came of the affine map, the better gradients and the codebook itself."""

from demos import formulas
from demos.comparisons import loses_less
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, of
from demos.record import Record

TRAINED = 300
PLAIN, MAP, MATRIX = "straight-through", "learned map", "learned matrix"
ROTATION, DIRECTIONAL = "rotation", "DiVeQ"
RANDOM_MAP, RANDOM_MATRIX, RANDOM_DIRECTIONAL = "running map", "matrix from random", "DiVeQ from random"
LEARNT, GRID = "learned codes", "fixed grid"
PRACTICE = "k-means, EMA and replacement"

K_MEANS = {"code_init": "kmeans"}
NO_COMMITMENT = {"estimator": "directional", "alpha": 0.0}
GROUPS = {"structure": "grouped", "levels": 4, "share": True, "num_codes": 256}
"""Four groups of four features. On a grid of 4⁴ = 256 points each feature is rounded by itself, to four values."""


def _uses_more(name: str, other: str) -> Claim:
    """The claim that `name` has more codes in use than `other`."""

    def check(record: Record) -> Finding:
        mine, theirs = (in_use(record.at(each, TRAINED)) for each in (name, other))
        return Finding(
            mine > theirs,
            f"with {name}, {mine} codes {of(record.at(name, TRAINED))} are in use; with {other}, {theirs}.",
            {name: mine, other: theirs},
        )

    return Claim(f"More codes are in use with {name} than with {other}.", check)


def _loses_as_much(name: str, other: str, within: float) -> Claim:
    """The claim that the task loss with `name` is that with `other`, give or take the share `within`."""

    def check(record: Record) -> Finding:
        mine, theirs = (held_out_loss(record.at(each, TRAINED)) for each in (name, other))
        return Finding(
            abs(mine / theirs - 1) < within,
            f"the task loss is {mine:.3g} with {name} and {theirs:.3g} with {other}.",
            {name: mine, other: theirs},
        )

    return Claim(f"The task loss with {name} is within {within:.0%} of that with {other}.", check)


def _none_brings_back(record: Record) -> Finding:
    counts = [in_use(record.at(name, TRAINED)) for name in (RANDOM_MATRIX, RANDOM_DIRECTIONAL, RANDOM_MAP)]
    return Finding(
        max(counts[:2]) < counts[2] / 2,
        f"from a random start {counts[0]} codes are in use with the matrix, {counts[1]} with DiVeQ, and {counts[2]} "
        f"{of(record.at(RANDOM_MAP, TRAINED))} with the running map.",
        {"matrix": counts[0], "DiVeQ": counts[1], "running map": counts[2]},
    )


def _grid_is_close(record: Record) -> Finding:
    grid, learnt = (held_out_loss(record.at(name, TRAINED)) for name in (GRID, LEARNT))
    return Finding(
        grid < 1.75 * learnt,
        f"the task loss is {grid:.3g} on the grid and {learnt:.3g} with learned codes.",
        {GRID: grid, LEARNT: learnt},
    )


def _grid_lies_idle(record: Record) -> Finding:
    moments = {name: record.at(name, TRAINED) for name in (GRID, LEARNT)}
    grid, learnt = (sum(level.held_out.in_use for level in moment.levels) for moment in moments.values())
    of_all = len(moments[GRID].levels) * moments[GRID].num_codes
    return Finding(
        grid < learnt,
        f"of the four groups' {of_all:,}, {grid} are in use on the grid and {learnt} where they are learnt.",
        {GRID: grid, LEARNT: learnt},
    )


def _most_in_use(record: Record) -> int:
    counts = [in_use(record.at(name, TRAINED)) for name in (PLAIN, MAP, MATRIX)]
    return counts.index(max(counts))


def _most_from_random(record: Record) -> int:
    counts = [in_use(record.at(name, TRAINED)) for name in (RANDOM_MAP, RANDOM_MATRIX, RANDOM_DIRECTIONAL)]
    return counts.index(max(counts))


LESSON = Lesson(
    name="since",
    title="What came of it",
    about="A matrix for the affine map, two other gradients, and no codebook at all: the heirs, on one problem.",
    trainings={
        PLAIN: Training(problem="digits", changes=K_MEANS),
        MAP: Training(problem="digits", changes=K_MEANS | {"affine": "learned", "affine_lr_scale": 10.0}),
        MATRIX: Training(problem="digits", changes=K_MEANS | {"affine": "matrix"}),
        ROTATION: Training(problem="digits", changes=K_MEANS | {"estimator": "rotation"}),
        DIRECTIONAL: Training(problem="digits", changes=K_MEANS | NO_COMMITMENT),
        RANDOM_MAP: Training(problem="digits", changes={"affine": "running"}),
        RANDOM_MATRIX: Training(problem="digits", changes={"affine": "matrix"}),
        RANDOM_DIRECTIONAL: Training(problem="digits", changes=NO_COMMITMENT),
        LEARNT: Training(problem="digits", changes=GROUPS | K_MEANS),
        GRID: Training(problem="digits", changes=GROUPS | {"code_init": "grid", "input_norm": "tanh", "alpha": 0.0}),
        PRACTICE: Training(problem="digits", changes=K_MEANS | {"codebook_update": "ema", "replace_every": 20}),
    },
    steps=(
        Step(
            title="A matrix in place of s and b",
            text="SimVQ learns one matrix W for all codes and never moves c_raw. As with the affine map, the "
            "gradient of one code moves every code. All begin with the same k-means codes.",
            shows=(PLAIN, MAP, MATRIX),
            at=TRAINED,
            panels=("compare",),
            formula=formulas.LEARNED_MATRIX,
            question=Question(
                asks="With which are most codes in use?",
                choices=("Straight-through alone", "Learned map s, b", "Learned matrix W"),
                answer=_most_in_use,
            ),
            claims=(
                _uses_more(MATRIX, PLAIN),
                _loses_as_much(MATRIX, PLAIN, 0.15),
                _uses_more(MAP, MATRIX),
            ),
        ),
        Step(
            title="A gradient that turns",
            text="The rotation trick leaves the codebook alone and changes the gradient: the one at z_q is turned "
            "back and scaled by the map that takes z_e onto z_q, so that it makes the same angle with z_e as it did "
            "with z_q.",
            shows=(PLAIN, ROTATION),
            at=TRAINED,
            panels=("compare", "usage"),
            formula=formulas.ROTATION,
            claims=(_uses_more(ROTATION, PLAIN), _loses_as_much(ROTATION, PLAIN, 0.2)),
        ),
        Step(
            title="A gradient that is shared out",
            text="DiVeQ writes z_q as z_e plus a step along a fixed direction. The part of the task gradient along "
            "that step goes to the code, and the rest to z_e. It needs no commitment loss: here α = 0.",
            shows=(PLAIN, DIRECTIONAL),
            at=TRAINED,
            panels=("compare", "usage"),
            formula=formulas.DIRECTIONAL,
            claims=(_uses_more(DIRECTIONAL, PLAIN), loses_less(DIRECTIONAL, PLAIN, at=TRAINED, share=0.85)),
        ),
        Step(
            title="Without a good start",
            text="So far every training began with k-means codes. Here all begin at random: the affine map on "
            "running moments, the matrix, and DiVeQ.",
            shows=(RANDOM_MAP, RANDOM_MATRIX, RANDOM_DIRECTIONAL),
            at=TRAINED,
            panels=("compare",),
            table=True,
            question=Question(
                asks="With which are most codes in use now?",
                choices=("Running map", "Learned matrix", "DiVeQ"),
                answer=_most_from_random,
            ),
            claims=(
                Claim(
                    "From a random start neither the matrix nor DiVeQ has half as many in use as the running map.",
                    _none_brings_back,
                ),
                loses_less(RANDOM_MAP, RANDOM_DIRECTIONAL, at=TRAINED),
            ),
        ),
        Step(
            title="No codebook at all",
            text="Finite scalar quantization rounds each of the 16 features by itself to one of four values: a fixed "
            "grid. No code has to be found, moved or revived. Beside it are four groups that share 256 learned "
            "codes. Both pay 32 bits, many more than the codebooks before.",
            shows=(LEARNT, GRID),
            at=TRAINED,
            panels=("examples", "compare"),
            formula=formulas.SCALAR,
            table=True,
            claims=(
                Claim("On the grid the task loss is less than 1.75 times that with learned codes.", _grid_is_close),
                Claim("Fewer points of the grid are in use than learned codes.", _grid_lies_idle),
            ),
        ),
        Step(
            title="Side by side",
            text="The learned map and DiVeQ, beside plain codes and what practitioners do. All pay the same bits; "
            "the grid, which pays more, is left out. This is one small problem and a short training: look at yours "
            "before you choose.",
            shows=(PLAIN, MAP, DIRECTIONAL, PRACTICE),
            at=TRAINED,
            panels=("compare",),
            table=True,
            claims=(loses_less(DIRECTIONAL, PRACTICE, at=TRAINED), _uses_more(PRACTICE, DIRECTIONAL)),
        ),
    ),
    try_it=TryIt(
        text="Train with DiVeQ from k-means codes, and turn α up from 0. Then put the matrix beside it: do they help "
        "each other?",
        training=Training(problem="digits", changes=K_MEANS | NO_COMMITMENT),
    ),
    known=(
        Note(
            "SimVQ's argument is that of lesson 3: codes collapse because only those chosen are updated. One linear "
            "layer over a fixed codebook updates all of them.",
            "Zhu et al. 2024",
            "https://arxiv.org/abs/2411.02038",
        ),
        Note(
            "Scalar quantization to a fixed grid matched learned codebooks in image generation, without the remedies "
            "that those need.",
            "Mentzer et al. 2023",
            "https://arxiv.org/abs/2309.15505",
        ),
    ),
    contested=(
        Note(
            "How far an estimator replaces the other remedies: users of the rotation report full usage on one data "
            "set, and worse results than copying on others.",
            "vector-quantize-pytorch, pull request 164",
            "https://github.com/lucidrains/vector-quantize-pytorch/pull/164",
        ),
        Note(
            "Whether one can do without a commitment loss. DiVeQ's authors say so; a library that offers it insists "
            "on replacement of dead codes beside it.",
            "vector-quantize-pytorch",
            "https://github.com/lucidrains/vector-quantize-pytorch",
        ),
    ),
)
