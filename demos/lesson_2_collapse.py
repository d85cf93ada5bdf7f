"""Lesson 2: index collapse, seen happening on photographs, and a remedy where it is needed and where it is not."""

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, in_use, of, perplexity_now
from demos.record import Record

COLLAPSED, LATER = 100, 400
QUICKLY = {"batch_size": 16, "learning_rate": 2e-3}
K_MEANS = QUICKLY | {"code_init": "kmeans"}
PLACED, PLACED_REPLACED = "k-means start", "k-means start, then replacement"
LEFT, REPLACED = "left alone", "replacement"
REPLACEMENT = {"replace_every": 20}


def _many_after_k_means(record: Record) -> Finding:
    moment = record.at(PLACED, 0)
    count = in_use(moment)
    return Finding(
        count > 200,
        f"before the first step, {count} {of(moment)} codes are in use.",
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


def _loss_hides_it(record: Record) -> Finding:
    before, after = record.at(PLACED, 0), record.at(PLACED, LATER)
    losses, counts = (held_out_loss(before), held_out_loss(after)), (in_use(before), in_use(after))
    return Finding(
        losses[1] < losses[0] and counts[1] < counts[0] / 2,
        f"from step 0 to {after.step} the task loss went from {losses[0]:.3g} to {losses[1]:.3g}, the codes in use "
        f"from {counts[0]} to {counts[1]}.",
        {"loss before": losses[0], "loss after": losses[1], "in use before": counts[0], "in use after": counts[1]},
    )


def _few_at_random(record: Record) -> Finding:
    moment = record.at(LEFT, COLLAPSED)
    count, loss = in_use(moment), held_out_loss(moment)
    return Finding(
        count < 10,
        f"at step {moment.step}, {count} {of(moment)} codes are in use, and the task loss is {loss:.3g}.",
        {"in use": count, "loss": loss},
    )


def _comes_back(record: Record) -> Finding:
    without, with_it = (in_use(record.at(name, LATER)) for name in (LEFT, REPLACED))
    moment = record.at(REPLACED, LATER)
    return Finding(
        with_it > 20 * without,
        f"at step {moment.step}, {with_it} {of(moment)} codes are in use with replacement and {without} without.",
        {"with": with_it, "without": without},
    )


def _loses_less(record: Record) -> Finding:
    without, with_it = (held_out_loss(record.at(name, LATER)) for name in (LEFT, REPLACED))
    return Finding(
        with_it < 0.75 * without,
        f"the task loss at step {record.at(LEFT, LATER).step} is {with_it:.3g} with replacement and {without:.3g} "
        "without.",
        {"with": with_it, "without": without},
    )


def _more_codes_again(record: Record) -> Finding:
    without, with_it = (in_use(record.at(name, LATER)) for name in (PLACED, PLACED_REPLACED))
    return Finding(
        with_it > 2 * without,
        f"from the k-means start, {with_it} codes are in use with replacement and {without} without.",
        {"with": with_it, "without": without},
    )


def _hardly_less_loss(record: Record) -> Finding:
    gains = []
    for without, with_it in ((LEFT, REPLACED), (PLACED, PLACED_REPLACED)):
        losses = [held_out_loss(record.at(name, LATER)) for name in (without, with_it)]
        gains.append(losses[0] / losses[1])
    return Finding(
        gains[1] < gains[0],
        f"replacement divides the task loss by {gains[1]:.2f} after a k-means start, and by {gains[0]:.2f} after a "
        "random one.",
        {"random": gains[0], "k-means": gains[1]},
    )


def _fate(record: Record) -> int:
    before, after = in_use(record.at(PLACED, 0)), in_use(record.at(PLACED, COLLAPSED))
    return 0 if after > 1.1 * before else 1 if after > before / 2 else 2


def _how_many(record: Record) -> int:
    count = in_use(record.at(LEFT, COLLAPSED))
    return 0 if count > 100 else 1 if count >= 10 else 2


LESSON = Lesson(
    name="collapse",
    title="Index collapse, as it happens",
    about="Codes fall out of use while a network learns photographs, and one remedy is tried, with what it costs.",
    trainings={
        PLACED: Training(problem="patches", changes=K_MEANS),
        PLACED_REPLACED: Training(problem="patches", changes=K_MEANS, switches={COLLAPSED: REPLACEMENT}),
        LEFT: Training(problem="patches", changes=QUICKLY),
        REPLACED: Training(problem="patches", changes=QUICKLY, switches={COLLAPSED: REPLACEMENT}),
    },
    steps=(
        Step(
            title="A good start",
            text="K-means has put 512 code vectors where the encoder's z_e are. A code is in use if it is the "
            "nearest to some held-out z_e; the grey crosses are not. The plane keeps only the share of the variance "
            "that its axes say, so a cross can look nearer than it is.",
            shows=(PLACED,),
            formula=formulas.IN_USE,
            claims=(Claim("After a k-means start more than 200 of 512 codes are in use.", _many_after_k_means),),
        ),
        Step(
            title="A hundred steps",
            text="Now the network learns, for a hundred batches of 16 patches. Nothing else changes. The plane is "
            "the one of the step before, so what moves in it has moved.",
            shows=(PLACED,),
            at=COLLAPSED,
            question=Question(
                asks="What becomes of the codes in use?",
                choices=("They grow in number", "They stay about the same", "More than half fall out of use"),
                answer=_fate,
            ),
            claims=(Claim("Within a hundred steps fewer than a quarter of the used codes are left.", _collapses),),
        ),
        Step(
            title="What the loss says",
            text="Above, the codes in use; below, the task loss, both of the same held-out patches at the same "
            "steps. Would you have noticed from the loss? Usage has to be watched by itself.",
            shows=(PLACED,),
            at=LATER,
            reads=((PLACED, 0),),
            panels=("compare",),
            formula=formulas.PERPLEXITY,
            claims=(
                Claim(
                    "In the end the task loss is lower, and fewer than half of the used codes are left.",
                    _loss_hides_it,
                ),
            ),
        ),
        Step(
            title="A start at random",
            text="Here the code vectors were drawn from a normal distribution, as much code does it, far from where "
            f"the z_e are. The same network has learnt for {COLLAPSED} steps. Compare the patches with what it makes "
            "of them.",
            shows=(LEFT,),
            at=COLLAPSED,
            panels=("examples", "map"),
            question=Question(
                asks="How many of the 512 codes are in use?",
                choices=("More than 100", "10 to 100", "Fewer than 10"),
                answer=_how_many,
            ),
            claims=(Claim("After a random start fewer than ten codes are in use.", _few_at_random),),
        ),
        Step(
            title="A remedy",
            text="Replacement moves a code unused for 20 steps onto a z_e of the newest batch. It was switched on at "
            f"step {COLLAPSED}; this is step {LATER}, beside the same training without.",
            shows=(LEFT, REPLACED),
            at=LATER,
            panels=("examples", "compare"),
            formula=formulas.REPLACEMENT,
            claims=(
                Claim("With replacement more than twenty times as many codes are in use.", _comes_back),
                Claim("With replacement the task loss is lower by more than a quarter.", _loses_less),
            ),
        ),
        Step(
            title="What it costs",
            text="A moved code takes vectors from a trained one, and the decoder has to learn it again. After a "
            "random start there is little to lose. Here the same switch was thrown in the training from the k-means "
            f"start, at step {COLLAPSED}: more codes need not mean less loss.",
            shows=(PLACED, PLACED_REPLACED),
            at=LATER,
            reads=((LEFT, LATER), (REPLACED, LATER)),
            panels=("compare", "examples"),
            claims=(
                Claim("From the k-means start too it has more than twice as many in use.", _more_codes_again),
                Claim("There it gains less in the task loss than after a random start.", _hardly_less_loss),
            ),
        ),
    ),
    try_it=TryIt(
        text="Let it collapse, then set Replace every to 20, or Affine map to running. Which brings more codes back, "
        "and which lowers the loss sooner?",
        training=Training(problem="patches", changes=QUICKLY),
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
            "What counts as used differs from tool to tool: any use in the last 65,536 assignments, or a tenth of "
            "the mean use; what counts as dead too, such as fewer than two uses a batch. Numbers from two papers may "
            "not compare.",
            "LlamaGen, vq_model.py",
            "https://github.com/FoundationVision/LlamaGen",
        ),
    ),
)
