"""Lesson 5: the straight-through estimator's error, on the plane."""

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, TryIt
from demos.record import Record
from vqcore.trajectories.setting import Setting

SETTING = Setting(
    landscape="quadratic",
    steps=100,
    methods=("no quantization", "STE", "alternating", "sync", "alternating + sync", "affine", "all"),
)
UNITS = {"gradient gap": "", "gradient angle": "°", "delay": "", "commitment error": ""}


def _values(record: Record, measure: str, *methods: str) -> list[float]:
    return [record.paths[method].summary()[measure] for method in methods]


def _less(method: str, other: str, measure: str) -> Claim:
    """The claim that `method` has less of `measure` than `other`."""

    def check(record: Record) -> Finding:
        mine, theirs = _values(record, measure, method, other)
        return Finding(
            mine < theirs,
            f"{measure} is {mine:.2g}{UNITS[measure]} with {method} and {theirs:.2g}{UNITS[measure]} with {other}.",
            {method: mine, other: theirs},
        )

    return Claim(f"{method[0].upper()}{method[1:]} has less {measure} than {other}.", check)


def _exact_without(record: Record) -> Finding:
    (gap,) = _values(record, "gradient gap", "no quantization")
    return Finding(gap < 1e-6, f"without quantization the gradient gap is {gap:.1g}.", {"gap": gap})


def _gap_is_large(record: Record) -> Finding:
    gap, angle = (_values(record, measure, "STE")[0] for measure in ("gradient gap", "gradient angle"))
    return Finding(
        gap > 0.5,
        f"the gap is on average {gap:.0%} as long as the true gradient, and the two are {angle:.0f}° apart.",
        {"gap": gap, "angle": angle},
    )


def _all_leave_a_gap(record: Record) -> Finding:
    gap, theirs = _values(record, "gradient gap", "all", "STE")
    return Finding(
        gap > 0.5,
        f"with all, the gap is on average {gap:.0%} as long as the true gradient; with STE, {theirs:.0%}.",
        {"all": gap, "STE": theirs},
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
            formula=formulas.DESCENT,
            text="A point z_e follows the gradient of a loss over the plane, down to the minimum. The lines are its "
            "contours. Here nothing is quantized: the gradient that it gets is the gradient where it is.",
            shows=("no quantization",),
            panels=("paths",),
            claims=(Claim("Without quantization the gradient is exact.", _exact_without),),
        ),
        Step(
            title="Going down by a code",
            formula=formulas.STRAIGHT_THROUGH,
            text="Now the loss sees z_q, the nearest of 12 codes. The straight-through estimator (STE) takes the "
            "gradient there and hands it to z_e as if it were its own.",
            shows=("no quantization", "STE"),
            panels=("paths",),
            claims=(Claim("The gap is more than half as long as the true gradient.", _gap_is_large),),
        ),
        Step(
            title="Three remedies",
            formula=formulas.ALTERNATING,
            text="Alternating: move the code to z_e first, then step. Sync: let the task gradient move the code too. "
            "Affine: one map moves all codes. All see the same start, codes and loss.",
            shows=("STE", "alternating", "sync", "affine"),
            panels=("paths",),
            question=Question(
                asks="Which has the smallest gradient gap?",
                choices=("STE", "alternating", "sync", "affine"),
                answer=_least_gap,
            ),
            claims=(
                _less("alternating", "STE", "gradient gap"),
                _less("alternating", "STE", "gradient angle"),
                _less("affine", "STE", "gradient gap"),
            ),
        ),
        Step(
            title="A code one step late",
            formula=formulas.SYNC,
            text="A code is pulled to where z_e was, and z_e has moved on since. The delay is the distance between "
            "the two after the step. Sync moves the code along the task gradient as well.",
            shows=("STE", "sync", "alternating", "alternating + sync"),
            panels=("paths",),
            claims=(
                _less("sync", "STE", "delay"),
                _less("alternating + sync", "alternating", "delay"),
            ),
        ),
        Step(
            title="All three at once",
            text="The paper combines them. Compare alternating and sync without the affine map, and with it: that "
            "line is called all.",
            shows=("STE", "alternating + sync", "all"),
            panels=("paths",),
            claims=(
                _less("alternating + sync", "all", "gradient gap"),
                Claim("With all, the gap is still more than half as long as the true gradient.", _all_leave_a_gap),
            ),
        ),
    ),
    try_it=TryIt(
        text="Drag the start or a code and watch the gap. Where is the straight-through gradient right, and where "
        "does it point the wrong way? Try the other landscapes.",
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
