"""Lesson 3: why codebooks collapse: P moves, C stays, Q shrinks."""

import numpy as np

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import in_use, moved, of
from demos.record import Record

EARLY, LATER = 5, 20
USUAL, SLOW = "usual learning rate", "a tenth of the learning rate"


def _p_moves(record: Record) -> Finding:
    way = moved(record.at(USUAL, 0), record.at(USUAL, LATER))
    return Finding(
        way.p_mean > 5 * way.c_mean,
        f"the mean of P moved by {way.p_mean:.3g} and the mean of C by {way.c_mean:.3g}.",
        {"P": way.p_mean, "C": way.c_mean},
    )


def _who_moved(record: Record) -> int:
    way = moved(record.at(USUAL, 0), record.at(USUAL, LATER))
    return 0 if way.p_mean > 2 * way.c_mean else 1 if way.c_mean > 2 * way.p_mean else 2


def _codes_stay(record: Record) -> Finding:
    way = moved(record.at(USUAL, 0), record.at(USUAL, LATER))
    return Finding(
        way.median_code < way.p_mean / 5,
        f"the median code moved by {way.median_code:.3g} while the mean of P moved by {way.p_mean:.3g}.",
        {"median code": way.median_code, "P": way.p_mean},
    )


def _few_reached(record: Record) -> Finding:
    shares = [float((record.at(USUAL, steps).gradient_norm > 0).mean()) for steps in (EARLY, LATER)]
    return Finding(
        shares[1] < 0.25,
        f"the newest batch gives a gradient to {shares[0]:.0%} of the codes at step {record.at(USUAL, EARLY).step}, "
        f"and to {shares[1]:.1%} at step {record.at(USUAL, LATER).step}.",
        {"early": shares[0], "later": shares[1]},
    )


def _only_used_reached(record: Record) -> Finding:
    moment = record.at(USUAL, LATER)
    unused = moment.steps_unused > 0
    reached = int((moment.gradient_norm[unused] > 0).sum())
    return Finding(
        reached == 0,
        f"of {int(unused.sum())} codes that the newest batch did not use, {reached} got a gradient.",
        {"unused": int(unused.sum()), "reached": reached},
    )


def _q_shrinks(record: Record) -> Finding:
    counts = [in_use(record.at(USUAL, steps)) for steps in (0, EARLY, LATER)]
    moment = record.at(USUAL, LATER)
    return Finding(
        counts[0] > counts[1] > counts[2],
        f"codes in use were {counts[0]}, {counts[1]} and {counts[2]} {of(moment)} at steps 0, "
        f"{record.at(USUAL, EARLY).step} and {moment.step}.",
        dict(zip(("start", "early", "later"), map(float, counts), strict=True)),
    )


def _slower_keeps_more(record: Record) -> Finding:
    usual, slow = (record.at(name, LATER) for name in (USUAL, SLOW))
    ways = [moved(record.at(name, 0), record.at(name, LATER)).p_mean for name in (USUAL, SLOW)]
    counts = in_use(usual), in_use(slow)
    return Finding(
        ways[1] < ways[0] and counts[1] > counts[0],
        f"the mean of P moved by {ways[1]:.3g} instead of {ways[0]:.3g}, and {counts[1]} codes are in use instead of "
        f"{counts[0]}.",
        {"P usual": ways[0], "P slow": ways[1], "in use usual": counts[0], "in use slow": counts[1]},
    )


def _slower_learns_less(record: Record) -> Finding:
    usual, slow = (float(np.mean(record.at(name, LATER).history.losses["task_loss"][-5:])) for name in (USUAL, SLOW))
    return Finding(
        slow > usual,
        f"the task loss at step {record.at(SLOW, LATER).step} is {slow:.3g} with it and {usual:.3g} without.",
        {"usual": usual, "slow": slow},
    )


LESSON = Lesson(
    name="why",
    title="Why: P moves, C stays, Q shrinks",
    about="Three distributions show how a codebook collapses: of the embeddings, all codes, and the used codes.",
    trainings={
        USUAL: Training(problem="patches", changes={"code_init": "kmeans"}),
        SLOW: Training(problem="patches", changes={"code_init": "kmeans", "learning_rate": 1e-4}),
    },
    steps=(
        Step(
            title="Three distributions",
            text="P is where the embeddings z_e lie, C where all code vectors lie, and Q where the used ones lie. A "
            "k-means start puts C onto P. The dashed ellipses are P and C at 1σ.",
            shows=(USUAL,),
            panels=("map",),
        ),
        Step(
            title="P moves",
            formula=formulas.MOMENTS,
            text=f"Each training step changes the encoder, and so moves every z_e at once. This is {LATER} steps "
            "later, in the same plane. Read its axes: they stretch to hold all of P.",
            shows=(USUAL,),
            at=LATER,
            panels=("map", "curves"),
            question=Question(
                asks="Which has moved further?",
                choices=("The mean of P", "The mean of C", "Neither by twice the other"),
                answer=_who_moved,
            ),
            claims=(Claim("The mean of P moves more than five times as far as the mean of C.", _p_moves),),
        ),
        Step(
            title="C stays",
            formula=formulas.SPARSE,
            text="A code vector moves only if some z_e is assigned to it: the commitment loss knows no other code. "
            "Watch how many a batch reaches.",
            shows=(USUAL,),
            at=LATER,
            reads=((USUAL, EARLY),),
            panels=("map", "usage"),
            claims=(
                Claim("A code that the batch does not use gets no gradient.", _only_used_reached),
                Claim("After twenty steps a batch reaches fewer than a quarter of the codes.", _few_reached),
                Claim("The median code moves less than a fifth as far as the mean of P.", _codes_stay),
            ),
        ),
        Step(
            title="Q shrinks",
            formula=formulas.IN_USE,
            text="A code that P has left is nearest to nothing and gets no gradient, and P does not wait for it. "
            "Count the codes in use.",
            shows=(USUAL,),
            at=LATER,
            panels=("map", "usage"),
            claims=(Claim("Fewer and fewer codes are in use at steps 0, 5 and 20.", _q_shrinks),),
        ),
        Step(
            title="A test",
            formula=formulas.MOMENTS,
            text="If P running away is the cause, then a slower P should keep more codes. Same seed, same batches, a "
            "tenth of the learning rate.",
            shows=(USUAL, SLOW),
            at=LATER,
            reads=((SLOW, 0),),
            panels=("map", "compare"),
            claims=(
                Claim("A slower P leaves more codes in use.", _slower_keeps_more),
                Claim("It has a price: the task loss is higher after the same steps.", _slower_learns_less),
            ),
        ),
    ),
    try_it=TryIt(
        text="Run it at a lower learning rate, or with β at 1, which leaves the encoder uncommitted. Watch the means "
        "of P and C under Through time.",
        training=Training(problem="patches", changes={"code_init": "kmeans"}),
        view={"curves": "P and C"},
    ),
    known=(
        Note(
            "The argument of this lesson: updates of the codebook are sparse, delayed and inexact, so the encoder's "
            "distribution drifts away from the codes.",
            "Huh et al. 2023",
            "https://arxiv.org/abs/2305.08842",
        ),
    ),
    contested=(
        Note(
            "Drift is not the only cause that is named. One project's collapse was a reconstruction loss averaged "
            "over features, so that the commitment loss outweighed it; summing it was the remedy.",
            "RQ-VAE-Recommender, issue 65",
            "https://github.com/EdoardoBotta/RQ-VAE-Recommender/issues/65",
        ),
        Note(
            "Others found the optimizer to matter as much as the quantizer: with AdaGrad instead of AdamW, usage "
            "came back in one report.",
            "vector-quantize-pytorch, issue 170",
            "https://github.com/lucidrains/vector-quantize-pytorch/issues/170",
        ),
    ),
)
