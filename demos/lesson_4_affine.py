"""Lesson 4: affine re-parameterization, what it rescues and what it can break."""

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, moved, of, p_mean_length
from demos.record import Record

SWITCHED, LATER = 20, 80
MIDDLE, LATEST = 100, 200
WITHOUT, RUNNING, LEARNED = "plain codebook", "running map", "learned map"

HELD, LOOSE = "digits, plain codebook", "digits, running map"
FAST = 3e-3


def _gap_closes(record: Record) -> Finding:
    gaps = [float(record.at(name, LATER).metrics.moment_distance) for name in (WITHOUT, RUNNING)]
    return Finding(
        gaps[1] < gaps[0] / 2,
        f"mean and spread of P and C lie {gaps[1]:.3g} apart with the running map and {gaps[0]:.3g} without.",
        {"without": gaps[0], "running": gaps[1]},
    )


def _rescues(record: Record) -> Finding:
    return _uses_more(record, RUNNING, WITHOUT)


def _more_than_learned(record: Record) -> Finding:
    return _uses_more(record, RUNNING, LEARNED)


def _uses_more(record: Record, name: str, other: str) -> Finding:
    """Whether `name` has more than three times as many codes in use as `other`."""
    mine, theirs = (in_use(record.at(each, LATER)) for each in (name, other))
    moment = record.at(name, LATER)
    return Finding(
        mine > 3 * theirs,
        f"with the {name}, {mine} codes {of(moment)} are in use at step {moment.step}; with the {other}, {theirs}.",
        {name: mine, other: theirs},
    )


def _all_reached(record: Record) -> Finding:
    shares = [float(record.at(name, LATER).metrics.gradient_fraction) for name in (WITHOUT, LEARNED)]
    return Finding(
        shares[1] == 1.0 and shares[0] < 0.5,
        f"the newest gradients move {shares[1]:.0%} of the codes with the learned map and {shares[0]:.1%} without.",
        {"without": shares[0], "learned": shares[1]},
    )


def _drifts(record: Record) -> Finding:
    lengths = [p_mean_length(record.at(name, LATEST)) for name in (HELD, LOOSE)]
    return Finding(
        lengths[1] > lengths[0],
        f"at step {record.at(LOOSE, LATEST).step} the mean of P lies {lengths[1]:.3g} from the origin with the "
        f"running map and {lengths[0]:.3g} without.",
        {HELD: lengths[0], LOOSE: lengths[1]},
    )


def _drifts_on(record: Record) -> Finding:
    ways = [moved(record.at(name, MIDDLE), record.at(name, LATEST)).p_mean for name in (HELD, LOOSE)]
    first, last = record.at(LOOSE, MIDDLE).step, record.at(LOOSE, LATEST).step
    return Finding(
        ways[1] > 2 * ways[0],
        f"from step {first} to {last} the mean of P moved by {ways[1]:.3g} with the running map and by {ways[0]:.3g} "
        "without.",
        {HELD: ways[0], LOOSE: ways[1]},
    )


def _lower_loss(record: Record) -> Finding:
    losses = [held_out_loss(record.at(name, LATER)) for name in (WITHOUT, RUNNING)]
    return Finding(
        losses[1] < losses[0],
        f"the task loss is {losses[1]:.3g} with the running map and {losses[0]:.3g} without.",
        {"without": losses[0], "running": losses[1]},
    )


def _best(record: Record) -> int:
    counts = [in_use(record.at(name, LATER)) for name in (WITHOUT, LEARNED, RUNNING)]
    return counts.index(max(counts))


LESSON = Lesson(
    name="affine",
    title="One map for all codes",
    about="Affine re-parameterization moves the whole codebook along with P: what it rescues and what it can break.",
    trainings={
        WITHOUT: Training(problem="patches"),
        RUNNING: Training(problem="patches", switches={SWITCHED: {"affine": "running"}}),
        LEARNED: Training(problem="patches", switches={SWITCHED: {"affine": "learned"}}),
        HELD: Training(problem="digits", changes={"learning_rate": FAST}),
        LOOSE: Training(problem="digits", changes={"learning_rate": FAST, "affine": "running"}),
    },
    steps=(
        Step(
            title="The idea",
            formula=formulas.AFFINE,
            text="Write every code vector as c = s·c_raw + b, with one s and b for all. Whatever moves s and b moves "
            f"the whole codebook, the unused codes too. Here is the collapsed training, {SWITCHED} steps old, before "
            "any map.",
            shows=(WITHOUT,),
            at=SWITCHED,
        ),
        Step(
            title="Two ways to find s and b",
            text="Learned: gradients of the used codes move s and b. Running: s and b are set so that C has the "
            f"running mean and spread of P. Each was switched on at step {SWITCHED}; this is step {LATER}.",
            shows=(WITHOUT, LEARNED, RUNNING),
            at=LATER,
            panels=("compare", "map"),
            question=Question(
                asks="With which one are most codes in use?",
                choices=("Plain codebook", "Learned map", "Running map"),
                answer=_best,
            ),
            claims=(
                Claim("With the running map more than three times as many codes are in use.", _rescues),
                Claim(
                    "The learned map leaves fewer than a third as many in use as the running map.", _more_than_learned
                ),
            ),
        ),
        Step(
            title="What the running map closes",
            formula=formulas.AFFINE_RUNNING,
            text="The distance between the moments of P and those of C is what it sets out to close. Codes that lie "
            "where the z_e lie have a chance to be nearest to one.",
            shows=(RUNNING,),
            at=LATER,
            panels=("map", "usage"),
            claims=(
                Claim("The running map at least halves the distance between P and C.", _gap_closes),
                Claim("With the running map the task loss is lower after the same steps.", _lower_loss),
            ),
        ),
        Step(
            title="What the learned map reaches",
            formula=formulas.AFFINE_GRADIENT,
            text="Through a shared s and b, the gradient of one code moves all. Whether it moves them fast enough is "
            "another matter.",
            shows=(LEARNED,),
            at=LATER,
            panels=("map", "usage"),
            claims=(Claim("The learned map moves every code at each step.", _all_reached),),
        ),
        Step(
            title="What it can break",
            text="The commitment loss holds z_e near its code. If the codes follow P wherever it goes, what holds P? "
            "Another training: digits, at three times the usual learning rate. Look at the mean of P.",
            shows=(HELD, LOOSE),
            at=LATEST,
            reads=((HELD, MIDDLE), (LOOSE, MIDDLE)),
            panels=("curves",),
            claims=(
                Claim("With the running map P ends up further from the origin.", _drifts),
                Claim("With the running map P keeps moving, more than twice as far as without.", _drifts_on),
            ),
        ),
    ),
    try_it=TryIt(
        text="Start with the running map and train for a few hundred steps: does the spread of P keep growing? "
        "Then add replacement.",
        training=Training(problem="patches", changes={"affine": "running"}),
        view={"curves": "P and C"},
    ),
    known=(
        Note(
            "The method and its reason: a map shared by all codes, or by groups of them, gives unused codes updates "
            "as well.",
            "Huh et al. 2023",
            "https://arxiv.org/abs/2305.08842",
        ),
        Note(
            "Its author notes that moments estimated too large can make the latents grow without end where nothing "
            "normalizes them.",
            "VQTorch",
            "https://github.com/minyoungg/vqtorch",
        ),
    ),
    contested=(
        Note(
            "A user who added it to another library saw no gain over EMA codes with revival of dead ones.",
            "vector-quantize-pytorch, pull request 57",
            "https://github.com/lucidrains/vector-quantize-pytorch/pull/57",
        ),
        Note(
            "With residual levels, one map for all of them is doubtful: each level has its own moments.",
            "VQTorch, issue 4",
            "https://github.com/minyoungg/vqtorch/issues/4",
        ),
    ),
)
