"""Lesson 6: what practitioners do, against the paper's methods, on one seed side by side."""

from demos import formulas
from demos.comparisons import loses_less
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, of, perplexity_now, relative_error_now
from demos.record import Record

TRAINED = 300
BASELINE, K_MEANS, REPLACEMENT, EMA = "baseline", "k-means start", "replacement", "EMA codes"
PRACTICE = "k-means, EMA and replacement"
PAPER_AFFINE, PAPER_OPT, PAPER = "affine", "alternating and sync", "affine, alternating and sync"
EVERYTHING = "everything"
OPT = {"inner_steps": 1, "inner_momentum": 0.9, "sync": 0.5}
"""Alternating with momentum, as the paper's authors run it, and sync."""


TRAININGS = {
    BASELINE: Training(problem="digits"),
    K_MEANS: Training(problem="digits", changes={"code_init": "kmeans"}),
    REPLACEMENT: Training(problem="digits", changes={"replace_every": 20}),
    EMA: Training(problem="digits", changes={"codebook_update": "ema"}),
    PRACTICE: Training(
        problem="digits", changes={"code_init": "kmeans", "codebook_update": "ema", "replace_every": 20}
    ),
    PAPER_AFFINE: Training(problem="digits", changes={"affine": "running"}),
    PAPER_OPT: Training(problem="digits", changes=OPT),
    PAPER: Training(problem="digits", changes={"affine": "running"} | OPT),
    EVERYTHING: Training(
        problem="digits", changes={"affine": "learned", "affine_lr_scale": 10.0, "replace_every": 20} | OPT
    ),
}


def _uses_more(name: str, other: str, times: float) -> Claim:
    """The claim that `name` has more than `times` as many codes in use as `other`."""

    def check(record: Record) -> Finding:
        moment = record.at(name, TRAINED)
        mine, theirs = (in_use(record.at(each, TRAINED)) for each in (name, other))
        return Finding(
            mine > times * theirs,
            f"with {name}, {mine} codes {of(moment)} are in use at step {moment.step}; with {other}, {theirs}.",
            {name: mine, other: theirs},
        )

    factor = "More" if times == 1 else f"More than {times:g} times as many"
    return Claim(f"{factor} codes are in use with {name} than with {other}.", check)


def _errs_less(name: str, other: str) -> Claim:
    """The claim that the relative error is smaller with `name` than with `other`."""

    def check(record: Record) -> Finding:
        mine, theirs = (relative_error_now(record.at(each, TRAINED)) for each in (name, other))
        return Finding(
            mine < theirs,
            f"the relative error is {mine:.2g} with {name} and {theirs:.2g} with {other}.",
            {name: mine, other: theirs},
        )

    return Claim(f"The relative error is smaller with {name} than with {other}.", check)


def _brings_none_back(record: Record) -> Finding:
    counts = [in_use(record.at(name, TRAINED)) for name in (BASELINE, PAPER_OPT)]
    errors = [relative_error_now(record.at(name, TRAINED)) for name in (BASELINE, PAPER_OPT)]
    return Finding(
        counts[1] <= counts[0] and errors[1] < errors[0],
        f"with {PAPER_OPT}, {counts[1]} codes are in use at a relative error of {errors[1]:.2g}; with {BASELINE}, "
        f"{counts[0]} at {errors[0]:.2g}.",
        {"in use without": counts[0], "in use with": counts[1], "error without": errors[0], "error with": errors[1]},
    )


def _more_even(record: Record) -> Finding:
    mine, theirs = (perplexity_now(record.at(name, TRAINED)) for name in (PRACTICE, PAPER))
    return Finding(
        mine > theirs,
        f"perplexity is {mine:.1f} with {PRACTICE} and {theirs:.1f} with {PAPER}.",
        {PRACTICE: mine, PAPER: theirs},
    )


def _about_as_good(record: Record) -> Finding:
    mine, theirs = (held_out_loss(record.at(name, TRAINED)) for name in (PRACTICE, PAPER))
    return Finding(
        max(mine, theirs) < 4 / 3 * min(mine, theirs),
        f"the task loss is {mine:.3g} with {PRACTICE} and {theirs:.3g} with {PAPER}.",
        {PRACTICE: mine, PAPER: theirs},
    )


def _lowest_loss(record: Record) -> int:
    names = (PRACTICE, PAPER, BASELINE)
    losses = [held_out_loss(record.at(name, TRAINED)) for name in names]
    return losses.index(min(losses))


LESSON = Lesson(
    name="practice",
    title="What practitioners do",
    about="K-means start, replacement and EMA codes beside the paper's methods: the same seed, the same batches.",
    trainings=TRAININGS,
    steps=(
        Step(
            title="Better places to start",
            text="K-means puts the codes onto the first z_e. It costs one pass over some batches, once. This is "
            f"{TRAINED} steps later.",
            shows=(BASELINE, K_MEANS),
            at=TRAINED,
            panels=("compare", "usage"),
            claims=(_uses_more(K_MEANS, BASELINE, 1.5), loses_less(K_MEANS, BASELINE, at=TRAINED)),
        ),
        Step(
            title="Moving dead codes",
            formula=formulas.REPLACEMENT,
            text="A code that no z_e chose for 20 steps is put onto a z_e of the newest batch. Many code bases have "
            "this remedy, under one name or another.",
            shows=(BASELINE, REPLACEMENT),
            at=TRAINED,
            panels=("compare", "usage"),
            claims=(_uses_more(REPLACEMENT, BASELINE, 2), loses_less(REPLACEMENT, BASELINE, at=TRAINED)),
        ),
        Step(
            title="Codes as moving averages",
            formula=formulas.EMA,
            text="Instead of a gradient, each code follows the average of the z_e assigned to it. A code without any "
            "has nothing to follow.",
            shows=(BASELINE, EMA),
            at=TRAINED,
            panels=("compare", "usage"),
            claims=(loses_less(EMA, BASELINE, at=TRAINED),),
        ),
        Step(
            title="The paper's methods",
            text="The affine map on running moments, and alternating (with momentum, as its authors run it) with the "
            "synchronized update, each alone and together. No code is ever replaced, and all start at random.",
            shows=(BASELINE, PAPER_AFFINE, PAPER_OPT, PAPER),
            at=TRAINED,
            panels=("compare",),
            formula=formulas.SYNC,
            claims=(
                _uses_more(PAPER_AFFINE, BASELINE, 2),
                Claim("Alternating and sync lower the relative error and bring no codes back.", _brings_none_back),
                loses_less(PAPER, BASELINE, at=TRAINED, share=0.75),
            ),
        ),
        Step(
            title="Side by side",
            text="What practitioners put together against what the paper puts together. This is one small problem, "
            "and a short training: look at yours before you choose.",
            shows=(BASELINE, PRACTICE, PAPER),
            at=TRAINED,
            panels=("compare", "usage"),
            question=Question(
                asks="Which has the lowest task loss?", choices=(PRACTICE, PAPER, BASELINE), answer=_lowest_loss
            ),
            claims=(
                _uses_more(PRACTICE, PAPER, 1),
                Claim(f"Codes are used more evenly with {PRACTICE} than with {PAPER}.", _more_even),
                Claim("Neither of the two has a third more task loss than the other.", _about_as_good),
            ),
        ),
        Step(
            title="Both together",
            text="Nothing keeps one from taking both: here a learned map, alternating and sync, and replacement. "
            "What does each bring? Replacement finds work for every code, and the paper's methods keep codes and z_e "
            "together.",
            shows=(BASELINE, REPLACEMENT, PAPER, EVERYTHING),
            at=TRAINED,
            panels=("compare",),
            claims=(
                _uses_more(EVERYTHING, PAPER, 1),
                loses_less(EVERYTHING, BASELINE, at=TRAINED, share=0.75),
                _errs_less(EVERYTHING, REPLACEMENT),
            ),
        ),
    ),
    try_it=TryIt(
        text="All of it at once: both camps' methods together. Throw one after the other, and see which ones the "
        "others make idle.",
        training=Training(
            problem="digits", changes={"code_init": "kmeans", "affine": "running", "replace_every": 20}
        ),
    ),
    known=(
        Note(
            "Codes as exponential moving averages are in the appendix of the first paper on vector-quantized "
            "autoencoders.",
            "van den Oord et al. 2017",
            "https://arxiv.org/abs/1711.00937",
        ),
        Note(
            "Restarting codes whose average use falls below a threshold was used for music at scale.",
            "Dhariwal et al. 2020",
            "https://arxiv.org/abs/2005.00341",
        ),
    ),
    contested=(
        Note(
            "Whether the paper's methods add anything to EMA with revival: one who tried them in another library saw "
            "no gain.",
            "vector-quantize-pytorch, pull request 61",
            "https://github.com/lucidrains/vector-quantize-pytorch/pull/61",
        ),
        Note(
            "How rarely a code must be used to be called dead: constants that are above the expected count recycle "
            "healthy codes; a tenth of the mean use scales with K.",
            "Jukebox, issue 231",
            "https://github.com/openai/jukebox/issues/231",
        ),
    ),
)
