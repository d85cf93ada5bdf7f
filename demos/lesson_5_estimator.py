"""Lesson 5: the straight-through estimator's error and its delay, on the plane."""

from dataclasses import replace
from functools import lru_cache

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, TryIt
from demos.record import Record
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

SETTING = Setting(
    landscape="quadratic",
    steps=100,
    methods=("no quantization", "STE", "alternating", "sync", "alternating + sync", "affine", "all"),
)
MANY, GENTLE = 16, 0.1
"""Points that share the codes, and a ν that is small enough for them."""

UNITS = {"gradient angle": "°"}


def _values(record: Record, measure: str, *methods: str) -> list[float]:
    return [record.paths[method].summary()[measure] for method in methods]


def _less(method: str, other: str, measure: str) -> Claim:
    """The claim that `method` has less of `measure` than `other`."""

    def check(record: Record) -> Finding:
        mine, theirs = _values(record, measure, method, other)
        unit = UNITS.get(measure, "")
        return Finding(
            mine < theirs,
            f"{measure} is {mine:.2g}{unit} with {method} and {theirs:.2g}{unit} with {other}.",
            {method: mine, other: theirs},
        )

    return Claim(f"{method[0].upper()}{method[1:]} has less {measure} than {other}.", check)


def _reaches(record: Record) -> Finding:
    reached = record.paths["no quantization"].summary()["reached"]
    return Finding(
        reached < SETTING.steps,
        f"the excess loss is down to 1% of its start at step {reached:.0f}.",
        {"reached": reached},
    )


def _gap_is_large(record: Record) -> Finding:
    gap, angle = (_values(record, measure, "STE")[0] for measure in ("gradient gap", "gradient angle"))
    return Finding(
        gap > 0.5,
        f"the gap is on average {gap:.0%} as long as the true gradient, and the gradient handed on points "
        f"{angle:.0f}° away from it.",
        {"gap": gap, "angle": angle},
    )


@lru_cache(maxsize=64)
def _delays_of_many(setting: Setting, nu: float) -> tuple[float, float]:
    """The mean delay with STE and with sync, where `MANY` points share the codes of `setting`."""
    shared = replace(setting, points=MANY, nu=nu, methods=("STE", "sync"))
    without, with_it = (path.summary()["delay"] for path in trajectories(shared))
    return without, with_it


def _sync_of_many(nu: float, *, helps: bool) -> Claim:
    def check(record: Record) -> Finding:
        assert record.setting is not None
        without, with_it = _delays_of_many(record.setting, nu)
        return Finding(
            (with_it < without) is helps,
            f"with {MANY} points and ν = {nu:g}, the delay is {with_it:.2g} with sync and {without:.2g} with STE.",
            {"sync": with_it, "STE": without},
        )

    return Claim(f"With {MANY} points, sync at ν = {nu:g} {'reduces' if helps else 'increases'} the delay.", check)


def _all_overshoots(record: Record) -> Finding:
    delays = _values(record, "delay", "alternating + sync", "all")
    return Finding(
        delays[1] > 10 * delays[0],
        f"the delay is {delays[1]:.2g} with all and {delays[0]:.2g} with alternating and sync alone.",
        {"alternating + sync": delays[0], "all": delays[1]},
    )


def _least_gap(record: Record) -> int:
    gaps = _values(record, "gradient gap", "STE", "alternating", "sync", "affine")
    return gaps.index(min(gaps))


LESSON = Lesson(
    name="estimator",
    title="The straight-through estimator's error",
    about="A point goes down a valley, but sees it only where its code lies: what the copied gradient gets wrong.",
    setting=SETTING,
    steps=(
        Step(
            title="Going down without codes",
            text="A point z_e follows the gradient of a loss f over the plane, down to the minimum. The lines are "
            "its contours. Here nothing is quantized: the gradient that it gets is the gradient where it is.",
            shows=("no quantization",),
            panels=("paths",),
            formula=formulas.DESCENT,
            claims=(Claim("Without codes the point comes down to the minimum.", _reaches),),
        ),
        Step(
            title="Going down by a code",
            text="Now the loss sees z_q, the nearest of 12 codes. The straight-through estimator (STE) takes the "
            "gradient there and hands it to z_e as if it were its own. The dashed line between the two arrows is the "
            "gap.",
            shows=("STE", "no quantization"),
            panels=("paths",),
            formula=formulas.STRAIGHT_THROUGH,
            claims=(Claim("The gap is more than half as long as the true gradient.", _gap_is_large),),
        ),
        Step(
            title="Three remedies",
            text="Alternating moves the code to z_e first, and only then takes the step. Sync lets the task gradient "
            "move the code too. Affine moves all codes by one map. All have the same start, codes and loss.",
            shows=("alternating", "STE", "sync", "affine"),
            panels=("paths",),
            formula=formulas.ALTERNATING,
            question=Question(
                asks="Which has the smallest gradient gap?",
                choices=("STE", "alternating", "sync", "affine"),
                answer=_least_gap,
            ),
            claims=(
                _less("alternating", "STE", "gradient gap"),
                _less("alternating", "STE", "gradient angle"),
                _less("affine", "STE", "commitment error"),
            ),
        ),
        Step(
            title="A code one step late",
            text="The commitment loss pulls a code to where z_e was. The delay is the part of z_e's last move that "
            "the code did not make with it: without sync, all of it. Play slowly: in the task step it is the arrow "
            "at the code.",
            shows=("sync", "STE", "alternating", "alternating + sync"),
            panels=("paths",),
            formula=formulas.DELAY,
            claims=(
                _less("sync", "STE", "delay"),
                _less("alternating + sync", "alternating", "delay"),
                _less("alternating + sync", "alternating", "gradient gap"),
            ),
        ),
        Step(
            title="Where sync overshoots",
            text="Sync gives a code the gradients of all its points, added up. With one point, ν = 1 makes the same "
            f"move. With {MANY} points to 12 codes, as in a real batch, the sum may be too much, and a smaller ν "
            "enough. On the Trajectories page you can set both.",
            shows=("sync", "STE"),
            panels=("paths",),
            formula=formulas.SYNC,
            claims=(_sync_of_many(1.0, helps=False), _sync_of_many(GENTLE, helps=True)),
        ),
        Step(
            title="All three at once",
            text="The paper combines them; the combination is called all. Through an affine map the task gradient "
            "moves a code several times: by its own row, by the shift b and by the scale s. Is that better or worse "
            "than alternating and sync alone?",
            shows=("all", "alternating + sync", "STE"),
            panels=("paths",),
            claims=(
                _less("alternating + sync", "all", "gradient gap"),
                Claim("With all, the delay is more than ten times that of alternating and sync.", _all_overshoots),
            ),
        ),
    ),
    try_it=TryIt(
        text="Drag the start or a code and watch the gap. Where is the straight-through gradient right, and where "
        "does it point the wrong way? Then give it eight points, and lower ν.",
        setting=SETTING,
    ),
    known=(
        Note(
            "Copying the gradient past a step that has none is an old and biased estimator, used because it works.",
            "Bengio et al. 2013",
            "https://arxiv.org/abs/1308.3432",
        ),
        Note(
            "Its error here grows with the distance between z_e and z_q, which is what alternating optimization "
            "makes small; the synchronized update removes the delay of one step.",
            "Huh et al. 2023",
            "https://arxiv.org/abs/2305.08842",
        ),
    ),
    contested=(
        Note(
            "Another estimator turns and scales the gradient by the map from z_e to z_q.",
            "Fifty et al. 2024",
            "https://arxiv.org/abs/2410.06424",
        ),
        Note(
            "Users of it report both: usage from 25% to 100% on one data set, and worse than copying the gradient on "
            "others.",
            "vector-quantize-pytorch, pull request 164",
            "https://github.com/lucidrains/vector-quantize-pytorch/pull/164",
        ),
    ),
)
