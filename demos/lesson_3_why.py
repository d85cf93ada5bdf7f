"""Lesson 3: why codebooks collapse: P moves, C stays, Q shrinks."""

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, moved, of
from demos.record import Record

EARLY, LATER, LATE = 5, 20, 100
BETWEEN = (10, 15)
"""Where curves have points too."""

USUAL, SLOW, HELD = "usual learning rate", "a tenth of the learning rate", "held to its codes"


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


def _q_shrinks(record: Record) -> Finding:
    counts = [in_use(record.at(USUAL, steps)) for steps in (0, EARLY, LATER)]
    moment = record.at(USUAL, LATER)
    return Finding(
        counts[0] > counts[1] > counts[2],
        f"codes in use were {counts[0]}, {counts[1]} and {counts[2]} {of(moment)} at steps 0, "
        f"{record.at(USUAL, EARLY).step} and {moment.step}.",
        dict(zip(("start", "early", "later"), map(float, counts), strict=True)),
    )


def _slower_has_not_learnt(record: Record) -> Finding:
    slow, usual = record.at(SLOW, LATER), record.at(USUAL, LATER)
    before = held_out_loss(record.at(SLOW, 0))
    return Finding(
        in_use(slow) > 3 * in_use(usual) and held_out_loss(slow) > 0.95 * before,
        f"at step {slow.step}, {in_use(slow)} codes are in use instead of {in_use(usual)}; but the task loss went "
        f"from {before:.3g} only to {held_out_loss(slow):.3g}, instead of {held_out_loss(usual):.3g}.",
        {"in use slow": in_use(slow), "in use usual": in_use(usual), "loss slow": held_out_loss(slow)},
    )


def _slower_collapses_later(record: Record) -> Finding:
    start, slow, usual = record.at(SLOW, 0), record.at(SLOW, LATE), record.at(USUAL, LATER)
    ways = [moved(record.at(name, 0), at).p_mean for name, at in ((SLOW, slow), (USUAL, usual))]
    return Finding(
        in_use(slow) < in_use(start) / 4,
        f"at step {slow.step} the slow P has moved {ways[0]:.3g}, the usual one {ways[1]:.3g} at step {usual.step}; "
        f"{in_use(slow)} codes are in use, and {in_use(usual)}; the task loss is {held_out_loss(slow):.3g}, and "
        f"{held_out_loss(usual):.3g}.",
        {"P slow": ways[0], "P usual": ways[1], "in use slow": in_use(slow), "in use usual": in_use(usual)},
    )


def _held_moves_less(record: Record) -> Finding:
    ways = [moved(record.at(name, 0), record.at(name, LATER)).p_mean for name in (USUAL, HELD)]
    losses = [held_out_loss(record.at(name, LATER)) for name in (USUAL, HELD)]
    return Finding(
        ways[1] < ways[0] / 2 and losses[1] < 1.15 * losses[0],
        f"the mean of P moved by {ways[1]:.3g} instead of {ways[0]:.3g}, at a task loss of {losses[1]:.3g} instead "
        f"of {losses[0]:.3g}.",
        {"P usual": ways[0], "P held": ways[1], "loss usual": losses[0], "loss held": losses[1]},
    )


def _held_keeps_more(record: Record) -> Finding:
    usual, held = (in_use(record.at(name, LATER)) for name in (USUAL, HELD))
    return Finding(
        held > 2 * usual,
        f"{held} codes {of(record.at(HELD, LATER))} are in use instead of {usual}.",
        {"usual": usual, "held": held},
    )


def _what_slow_does(record: Record) -> int:
    start, late = (in_use(record.at(SLOW, steps)) for steps in (0, LATE))
    return 0 if late > start / 2 else 1 if late > start / 4 else 2


LESSON = Lesson(
    name="why",
    title="Why: P moves, C stays, Q shrinks",
    about="Three distributions show how a codebook collapses: of the embeddings, all codes, and the used codes.",
    trainings={
        USUAL: Training(problem="patches", changes={"code_init": "kmeans"}),
        SLOW: Training(problem="patches", changes={"code_init": "kmeans", "learning_rate": 1e-4}),
        HELD: Training(problem="patches", changes={"code_init": "kmeans", "beta": 0.1}),
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
            title="Twenty steps later",
            text="Each training step changes the encoder, and so every z_e at once, and the codes that were used. "
            f"This is {LATER} steps later, in the same plane. Read its axes: they stretch to hold everything.",
            shows=(USUAL,),
            at=LATER,
            panels=("map",),
            formula=formulas.MOMENTS,
            question=Question(
                asks="Which has moved further?",
                choices=("The mean of P", "The mean of C", "Neither by twice the other"),
                answer=_who_moved,
            ),
            claims=(Claim("The mean of P moves more than five times as far as the mean of C.", _p_moves),),
        ),
        Step(
            title="C stays",
            text="The commitment loss knows only the codes to which some z_e is assigned; no other code gets a "
            "gradient. The bars are the codes that the held-out z_e use. Below is how many the newest batch reached.",
            shows=(USUAL,),
            at=LATER,
            reads=((USUAL, EARLY),),
            panels=("usage",),
            formula=formulas.SPARSE,
            claims=(
                Claim("After twenty steps a batch reaches fewer than a quarter of the codes.", _few_reached),
                Claim("The median code moves less than a fifth as far as the mean of P.", _codes_stay),
            ),
        ),
        Step(
            title="Q shrinks",
            text="A code that P has left is nearest to nothing and gets no gradient, and P does not wait for it. "
            "The upper curve counts the codes in use, step by step.",
            shows=(USUAL,),
            at=LATER,
            reads=tuple((USUAL, steps) for steps in (EARLY, *BETWEEN)),
            panels=("compare",),
            formula=formulas.IN_USE,
            claims=(Claim("Fewer and fewer codes are in use at steps 0, 5 and 20.", _q_shrinks),),
        ),
        Step(
            title="A slower P",
            text=f"At a tenth of the learning rate P moves less in the same time. At step {LATER}, are more codes in "
            f"use? And how much has the network learnt by then? Follow both curves to step {LATE}.",
            shows=(SLOW,),
            at=LATE,
            reads=((SLOW, 0), (SLOW, LATER), (USUAL, 0), (USUAL, LATER)),
            panels=("compare", "map"),
            question=Question(
                asks=f"How many of the codes in use at the start are still in use at step {LATE}?",
                choices=("More than half", "A quarter to a half", "Fewer than a quarter"),
                answer=_what_slow_does,
            ),
            claims=(
                Claim("At step 20 the slow training keeps its codes and has not learnt.", _slower_has_not_learnt),
                Claim("At step 100 it too has lost more than three quarters of its codes.", _slower_collapses_later),
            ),
        ),
        Step(
            title="A test at equal loss",
            text="Compare at equal loss. With β = 0.1 the commitment loss pulls mostly at the encoder, and so holds "
            f"P to its codes. Same learning rate, batches and {LATER} steps. If P running away is the cause, more "
            "codes should stay.",
            shows=(USUAL, HELD),
            at=LATER,
            reads=((USUAL, 0), (HELD, 0), *((name, steps) for name in (USUAL, HELD) for steps in (EARLY, *BETWEEN))),
            panels=("compare", "map"),
            formula=formulas.COMMITMENT,
            claims=(
                Claim("Held to its codes, P moves less than half as far at about the same loss.", _held_moves_less),
                Claim("Held to its codes, it has more than twice as many in use.", _held_keeps_more),
            ),
        ),
    ),
    try_it=TryIt(
        text="Run it with β at 0.1, or at 1, which leaves the encoder uncommitted. Watch the means of P and C under "
        "Through time. Then try β at 0.1 from a random start: what is P held to there?",
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
