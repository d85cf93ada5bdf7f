"""Lesson 4: affine re-parameterization, where it rescues a codebook and where it harms one."""

import numpy as np

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, moved, of
from demos.record import Record
from vqcore.trajectories.fixed_points import share_moved

SWITCHED, LATER = 100, 400
EARLY, AFTER = 20, 40
QUICKLY = {"batch_size": 16, "learning_rate": 2e-3}
RANDOM, RUNNING, LEARNED = "no map", "running map", "learned map"
PLACED, LATE_MAP = "k-means start, no map", "k-means start, then running map"
MAP, LEARNED_MAP = {"affine": "running"}, {"affine": "learned", "affine_lr_scale": 10.0}
EVER = 1e-4
"""A code that moved less than this has not been moved."""


def _share_moved(record: Record, name: str) -> float:
    """Share of the codes that are elsewhere than at the start."""
    ways = np.linalg.norm(record.at(name, LATER).codebook - record.at(name, 0).codebook, axis=1)
    return float((ways > EVER).mean())


def _few_ever_moved(record: Record) -> Finding:
    share = _share_moved(record, RANDOM)
    return Finding(
        share < 0.25,
        f"in {LATER} steps, {share:.1%} of the codes have moved.",
        {"share": share},
    )


def _the_papers_toy(record: Record) -> Finding:
    without, with_it = (share_moved(record.seed, affine=affine) for affine in (False, True))
    return Finding(
        without < 0.5 and with_it == 1.0,
        f"of the 128 codes {without:.0%} move without the map, and {with_it:.0%} with it.",
        {"without": without, "with": with_it},
    )


def _rescues(record: Record) -> Finding:
    mine, theirs = (in_use(record.at(each, LATER)) for each in (RUNNING, RANDOM))
    moment = record.at(RUNNING, LATER)
    return Finding(
        mine > 3 * theirs,
        f"with the running map, {mine} codes {of(moment)} are in use at step {moment.step}; with no map, {theirs}.",
        {RUNNING: mine, RANDOM: theirs},
    )


def _lower_loss(record: Record) -> Finding:
    losses = [held_out_loss(record.at(name, LATER)) for name in (RANDOM, RUNNING)]
    return Finding(
        losses[1] < 0.9 * losses[0],
        f"the task loss is {losses[1]:.3g} with the running map and {losses[0]:.3g} with no map.",
        {"without": losses[0], "running": losses[1]},
    )


def _all_reached(record: Record) -> Finding:
    shares = [float(record.at(name, LATER).metrics.gradient_fraction) for name in (RANDOM, LEARNED)]
    return Finding(
        shares[1] == 1.0 and shares[0] < 0.5,
        f"the newest gradients move {shares[1]:.0%} of the codes with the learned map and {shares[0]:.1%} without.",
        {"without": shares[0], "learned": shares[1]},
    )


def _learned_brings_few(record: Record) -> Finding:
    counts = [in_use(record.at(name, LATER)) for name in (LEARNED, RUNNING)]
    return Finding(
        counts[0] < counts[1] / 3,
        f"with the learned map, {counts[0]} {of(record.at(LEARNED, LATER))} codes are in use; with the running map, "
        f"{counts[1]}.",
        {LEARNED: counts[0], RUNNING: counts[1]},
    )


def _jumps(record: Record) -> Finding:
    ways = [moved(record.at(name, EARLY), record.at(name, AFTER)).median_code for name in (PLACED, LATE_MAP)]
    return Finding(
        ways[1] > 10 * ways[0],
        f"since the switch the median code has moved by {ways[1]:.3g} with the map and by {ways[0]:.3g} without.",
        {PLACED: ways[0], LATE_MAP: ways[1]},
    )


def _harms(record: Record) -> Finding:
    losses = [held_out_loss(record.at(name, AFTER)) for name in (PLACED, LATE_MAP)]
    return Finding(
        losses[1] > losses[0],
        f"at step {AFTER} the task loss is {losses[1]:.3g} with the map and {losses[0]:.3g} without.",
        {PLACED: losses[0], LATE_MAP: losses[1]},
    )


def _best(record: Record) -> int:
    counts = [in_use(record.at(name, LATER)) for name in (RANDOM, LEARNED, RUNNING)]
    return counts.index(max(counts))


def _which_loses_less(record: Record) -> int:
    losses = [held_out_loss(record.at(name, AFTER)) for name in (PLACED, LATE_MAP)]
    return losses.index(min(losses))


LESSON = Lesson(
    name="affine",
    title="One map for all codes",
    about="Affine re-parameterization moves the whole codebook along with P: where it rescues, and where it harms.",
    trainings={
        RANDOM: Training(problem="patches", changes=QUICKLY),
        RUNNING: Training(problem="patches", changes=QUICKLY, switches={SWITCHED: MAP}),
        LEARNED: Training(problem="patches", changes=QUICKLY, switches={SWITCHED: LEARNED_MAP}),
        PLACED: Training(problem="patches", changes={"code_init": "kmeans"}),
        LATE_MAP: Training(problem="patches", changes={"code_init": "kmeans"}, switches={EARLY: MAP}),
    },
    steps=(
        Step(
            title="Codes that never move",
            text=f"Codes started at random, and the network has learnt for {LATER} steps. The commitment loss moves "
            "the codes in use; the others, the crosses, are where they were drawn.",
            shows=(RANDOM,),
            at=LATER,
            reads=((RANDOM, 0),),
            claims=(Claim("Fewer than a quarter of the codes have ever moved.", _few_ever_moved),),
        ),
        Step(
            title="The idea",
            text="Write every code vector as c = s·c_raw + b, with one s and b for all. Whatever moves s and b moves "
            "the whole codebook. The paper's toy: 512 points stay, and 128 codes beside them are updated twenty "
            "times, without the map in the upper row and with it in the lower. Crosses have never moved.",
            shows=(RANDOM,),
            at=LATER,
            panels=("toy",),
            formula=formulas.AFFINE,
            claims=(Claim("In the toy most codes never move without the map, and all do with it.", _the_papers_toy),),
        ),
        Step(
            title="Two ways to find s and b",
            text="Learned: gradients of the used codes move s and b. Running: s and b are set so that C has the "
            f"running mean and spread of P. Each was switched on at step {SWITCHED}; this is step {LATER}.",
            shows=(RANDOM, LEARNED, RUNNING),
            at=LATER,
            panels=("compare", "map"),
            formula=formulas.AFFINE_RUNNING,
            question=Question(
                asks="With which one are most codes in use?",
                choices=("No map", "Learned map", "Running map"),
                answer=_best,
            ),
            claims=(Claim("With the running map more than three times as many codes are in use.", _rescues),),
        ),
        Step(
            title="One map, drawn",
            text="Each arrow leads from c_raw, the vector that is stored, to c, the one that the search sees. One s "
            "and one b make all arrows of a picture: they shift the codebook, and stretch or shrink it, as a whole. "
            "No arrow is chosen by itself.",
            shows=(LEARNED, RUNNING),
            at=LATER,
            panels=("arrows",),
            formula=formulas.AFFINE_DRAWN,
        ),
        Step(
            title="Where it wins",
            text="What counts is what the network can do with the codes. Compare the patches: with no map they have "
            "as many tones as there are codes.",
            shows=(RANDOM, RUNNING),
            at=LATER,
            panels=("examples", "compare"),
            claims=(Claim("With the running map the task loss is lower by more than a tenth.", _lower_loss),),
        ),
        Step(
            title="What the learned map reaches",
            text="Through a shared s and b, the gradient of one code moves all. Where one code is in use, it says in "
            "which direction P lies, but not how wide P is. Does that bring more codes into use?",
            shows=(LEARNED,),
            at=LATER,
            reads=((RANDOM, LATER), (RUNNING, LATER)),
            panels=("map", "usage"),
            formula=formulas.AFFINE_GRADIENT,
            claims=(
                Claim("The learned map moves every code at each step.", _all_reached),
                Claim("Here it has fewer than a third as many in use as the running map.", _learned_brings_few),
            ),
        ),
        Step(
            title="Where it harms",
            text="The map moves every code: those that fit as well. From a k-means start, P runs off in the first "
            f"steps, as lesson 3 shows. Here the running map was switched on at step {EARLY}, when P was far away.",
            shows=(PLACED, LATE_MAP),
            at=AFTER,
            reads=((PLACED, EARLY), (LATE_MAP, EARLY)),
            panels=("compare", "examples"),
            question=Question(
                asks=f"Which has the lower task loss at step {AFTER}?",
                choices=("The one with no map", "The one with the map"),
                answer=_which_loses_less,
            ),
            claims=(
                Claim("The map has moved the median code more than ten times as far as training alone.", _jumps),
                Claim("With the map the task loss is higher.", _harms),
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
