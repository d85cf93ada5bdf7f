"""Lesson 2: index collapse, seen happening on photographs."""

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, of, perplexity_now
from demos.record import Record

EARLY, COLLAPSED, LATER = 5, 20, 60
NORMAL, PLACED, REPLACED = "random codes", "k-means start", "k-means start, then replacement"
K_MEANS = {"code_init": "kmeans"}


def _few_at_random(record: Record) -> Finding:
    moment = record.at(NORMAL, 0)
    count = in_use(moment)
    return Finding(
        count < 0.05 * moment.num_codes,
        f"before the first step, {count} {of(moment)} random codes are nearest to anything.",
        {"in use": count, "codes": moment.num_codes},
    )


def _most_after_k_means(record: Record) -> Finding:
    moment = record.at(PLACED, 0)
    count = in_use(moment)
    return Finding(
        count > moment.num_codes / 2,
        f"after k-means, {count} {of(moment)} codes are in use.",
        {"in use": count, "codes": moment.num_codes},
    )


def _collapses(record: Record) -> Finding:
    before, after = record.at(PLACED, 0), record.at(PLACED, COLLAPSED)
    counts = in_use(before), in_use(after)
    return Finding(
        counts[1] < counts[0] / 4,
        f"codes in use went from {counts[0]} to {counts[1]} {of(after)} within {after.step} steps, perplexity from "
        f"{perplexity_now(before):.0f} to {perplexity_now(after):.1f}.",
        {"before": counts[0], "after": counts[1]},
    )


def _loss_falls(record: Record) -> Finding:
    early, later = (held_out_loss(record.at(PLACED, steps)) for steps in (EARLY, COLLAPSED))
    return Finding(
        later < early,
        f"while the codes fell away, the task loss went from {early:.3g} to {later:.3g}.",
        {"early": early, "later": later},
    )


def _comes_back(record: Record) -> Finding:
    before, after = record.at(REPLACED, COLLAPSED), record.at(REPLACED, LATER)
    counts = in_use(before), in_use(after)
    return Finding(
        counts[1] > 3 * counts[0],
        f"with replacement, codes in use went from {counts[0]} to {counts[1]} {of(after)} in "
        f"{after.step - before.step} steps.",
        {"before": counts[0], "after": counts[1]},
    )


def _not_by_itself(record: Record) -> Finding:
    without, with_it = (in_use(record.at(name, LATER)) for name in (PLACED, REPLACED))
    return Finding(
        with_it > 2 * without,
        f"at step {record.at(PLACED, LATER).step}, {with_it} codes are in use with replacement and {without} "
        "without.",
        {"with": with_it, "without": without},
    )


def _costs_loss(record: Record) -> Finding:
    without, with_it = (held_out_loss(record.at(name, LATER)) for name in (PLACED, REPLACED))
    return Finding(
        with_it > without,
        f"the task loss at step {record.at(PLACED, LATER).step} is {with_it:.3g} with replacement and {without:.3g} "
        "without.",
        {"with": with_it, "without": without},
    )


def _fate(record: Record) -> int:
    before, after = in_use(record.at(PLACED, 0)), in_use(record.at(PLACED, COLLAPSED))
    return 0 if after > 1.1 * before else 1 if after > before / 2 else 2


LESSON = Lesson(
    name="collapse",
    title="Index collapse, as it happens",
    about="Codes fall out of use while a network learns photographs, and one remedy is tried.",
    trainings={
        NORMAL: Training(problem="patches"),
        PLACED: Training(problem="patches", changes=K_MEANS),
        REPLACED: Training(problem="patches", changes=K_MEANS, switches={COLLAPSED: {"replace_every": 10}}),
    },
    steps=(
        Step(
            title="Random codes",
            formula=formulas.IN_USE,
            text="512 code vectors drawn from a normal distribution, and an encoder that has learnt nothing. A code "
            "is in use if it is the nearest one to some z_e. The grey crosses are not.",
            shows=(NORMAL,),
            claims=(Claim("Fewer than 5% of random codes are in use before the first step.", _few_at_random),),
        ),
        Step(
            title="A better start",
            text="K-means puts the code vectors where the z_e are. The map has one plane for this step and all that "
            "follow with this training, so what moves there has moved.",
            shows=(PLACED,),
            claims=(Claim("After a k-means start more than half of the codes are in use.", _most_after_k_means),),
        ),
        Step(
            title="Twenty steps",
            formula=formulas.PERPLEXITY,
            text="Now the network learns, for twenty batches of 64 patches. Nothing else changes.",
            shows=(PLACED,),
            at=COLLAPSED,
            question=Question(
                asks="What becomes of the codes in use?",
                choices=("They grow in number", "They stay about the same", "More than half fall out of use"),
                answer=_fate,
            ),
            claims=(Claim("Within twenty steps fewer than a quarter of the used codes are left.", _collapses),),
        ),
        Step(
            title="What the loss says",
            text="Above, the perplexity: the number of codes where all are used alike, and less where they are not. "
            "Below, the task loss over the same steps. Would you have noticed from the loss? Usage has to be watched "
            "by itself.",
            shows=(PLACED,),
            at=COLLAPSED,
            reads=((PLACED, EARLY),),
            panels=("compare",),
            claims=(Claim("The task loss falls while the codes fall out of use.", _loss_falls),),
        ),
        Step(
            title="A remedy",
            formula=formulas.REPLACEMENT,
            text="Replacement moves a code unused for 10 steps onto a z_e of the newest batch. Here it was switched "
            f"on at step {COLLAPSED}; beside it, the same training without.",
            shows=(PLACED, REPLACED),
            at=LATER,
            reads=((REPLACED, COLLAPSED),),
            panels=("map", "compare"),
            claims=(
                Claim("Replacement more than triples the codes in use within forty steps.", _comes_back),
                Claim("With replacement more than twice as many codes are in use as without.", _not_by_itself),
                Claim("It has a price so early: with replacement the task loss is higher.", _costs_loss),
            ),
        ),
    ),
    try_it=TryIt(
        text="Let it collapse, then set Replace every to 10, or Affine map to running. Which brings more codes back, "
        "and which lowers the loss?",
        training=Training(problem="patches", changes=K_MEANS),
    ),
    known=(
        Note(
            "The loss does not show it: in one report usage was fine for 100,000 steps and down to one code at "
            "400,000, with a flat loss. The advice was to follow the entropy of the codes all through training.",
            "RQ-VAE-Recommender, issue 15",
            "https://github.com/EdoardoBotta/RQ-VAE-Recommender/issues/15",
        ),
        Note(
            "Count over many vectors: at batch 52 a healthy model showed 240 of 512 codes in one batch, and used all "
            "of them over an epoch.",
            "VectorQuantizedVAE, issue 3",
            "https://github.com/bshall/VectorQuantizedVAE/issues/3",
        ),
    ),
    contested=(
        Note(
            "What counts as used differs from tool to tool: any use in the last 65,536 assignments, a tenth of the "
            "mean use, or a count below two a batch. Numbers from two papers may not compare.",
            "LlamaGen, vq_model.py",
            "https://github.com/FoundationVision/LlamaGen",
        ),
    ),
)
