"""Lesson 1: encode, assign, decode, and what a code costs."""

import math

import numpy as np

from demos import formulas
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import held_out_loss, of, perplexity_now, relative_error_now, usage_now
from demos.record import Record

TRAINED = 150
SIZES = (4, 16, 128)
MOST = f"{SIZES[-1]} codes"
ALL = tuple(f"{size} codes" for size in SIZES)


def _learns(record: Record) -> Finding:
    first, last = (held_out_loss(record.at(MOST, steps)) for steps in (0, TRAINED))
    return Finding(
        last < first / 2,
        f"the task loss went from {first:.3g} to {last:.3g}, on digits that it was not trained on.",
        {"first": first, "last": last},
    )


def _more_codes_less_error(record: Record) -> Finding:
    errors = [relative_error_now(record.at(name, TRAINED)) for name in ALL]
    return Finding(errors == sorted(errors, reverse=True), _listed("relative error", errors), _by_name(errors))


def _most_beat_fewest(record: Record) -> Finding:
    losses = [held_out_loss(record.at(name, TRAINED)) for name in ALL]
    return Finding(losses[-1] < losses[0], _listed("task loss", losses), _by_name(losses))


def _chosen_unevenly(record: Record) -> Finding:
    moment = record.at(MOST, 0)
    used = usage_now(moment)[usage_now(moment) > 0]
    return Finding(
        bool(used.max() > 5 * used.min()),
        f"{len(used)} {of(moment)} codes are in use; one is chosen {used.max()} times, another {used.min()}.",
        {"most": int(used.max()), "least": int(used.min())},
    )


def _carry_less(record: Record) -> Finding:
    moment = record.at(MOST, TRAINED)
    places = moment.code_maps[0].size
    cost, carried = places * math.log2(moment.num_codes), places * math.log2(perplexity_now(moment))
    return Finding(
        carried < 0.98 * cost,
        f"an image costs {places} × log₂ {moment.num_codes} = {cost:.0f} bits, and with this usage the codes carry "
        f"at most {carried:.1f} (N = {len(moment.codes):,}).",
        {"bits paid": cost, "bits carried": carried},
    )


def _best(record: Record) -> int:
    return int(np.argmin([held_out_loss(record.at(name, TRAINED)) for name in ALL]))


def _listed(what: str, values: list[float]) -> str:
    return f"{what} {', '.join(f'{value:.3g} with {name}' for name, value in zip(ALL, values, strict=True))}."


def _by_name(values: list[float]) -> dict[str, float]:
    return dict(zip(ALL, values, strict=True))


LESSON = Lesson(
    name="quantizer",
    title="What a vector quantizer does",
    about="Encode, assign, decode, and what each code costs, on handwritten digits.",
    trainings={
        f"{size} codes": Training(
            problem="digits", changes={"num_codes": size, "code_init": "kmeans", "replace_every": 20}
        )
        for size in SIZES
    },
    steps=(
        Step(
            title="Encode",
            formula=formulas.ENCODE,
            text="An encoder turns each image into a grid of vectors, z_e. A digit of 8×8 pixels becomes 4×4 "
            "vectors of 16 numbers. On the map, every blue dot is one of them; all else there and the other rows "
            "are explained next. Nothing is trained yet.",
            shows=(MOST,),
            panels=("examples", "map"),
        ),
        Step(
            title="Assign",
            formula=formulas.NEAREST,
            text="A codebook holds K code vectors. Each z_e is replaced by the nearest, z_q, and only its number is "
            "kept: the code. On the map, the rings are code vectors; the bottom row of pictures shows the codes as "
            "colours, the bars how often each is chosen.",
            shows=(MOST,),
            panels=("examples", "map", "usage"),
            claims=(Claim("Some codes are chosen more than five times as often as others.", _chosen_unevenly),),
        ),
        Step(
            title="Decode",
            formula=formulas.COMMITMENT,
            text="The decoder sees only z_q: what separates z_e and z_q is lost. Training moves encoder, code "
            f"vectors and decoder together. This is after {TRAINED} steps.",
            shows=(MOST,),
            at=TRAINED,
            panels=("examples", "map", "curves"),
            claims=(Claim("Training at least halves the task loss.", _learns),),
        ),
        Step(
            title="More codes, fewer codes",
            formula=formulas.RELATIVE_ERROR,
            text="Three codebooks, of 4, 16 and 128 code vectors; the same images in the same order, and as many "
            "steps.",
            shows=ALL,
            at=TRAINED,
            panels=("compare", "examples"),
            question=Question(asks="Which of them rebuilds the digits best?", choices=ALL, answer=_best),
            claims=(
                Claim("The more codes, the smaller the relative quantization error.", _more_codes_less_error),
                Claim("128 codes rebuild the digits better than 4.", _most_beat_fewest),
            ),
        ),
        Step(
            title="What a code costs",
            formula=formulas.BITS,
            text="To name one of K codes takes log₂ K bits. Codes used unevenly carry less than they cost: log₂ of "
            "the perplexity, which is K only where all are used alike.",
            shows=(MOST,),
            at=TRAINED,
            panels=("usage",),
            claims=(Claim("The codes carry less than they cost.", _carry_less),),
        ),
    ),
    try_it=TryIt(
        text="Change the number of codes under Restarts and watch loss and perplexity. What do two codes make of a "
        "digit?",
        training=Training(problem="digits", changes={"code_init": "kmeans", "replace_every": 20}),
    ),
    known=(
        Note(
            "A discrete bottleneck with a learned codebook was trained end to end by copying the gradient across the "
            "rounding, with one loss term that pulls codes to z_e and one that commits z_e to its code.",
            "van den Oord et al. 2017",
            "https://arxiv.org/abs/1711.00937",
        ),
    ),
    contested=(
        Note(
            "More codes do not always help: users of one image tokenizer saw 100% of 4,096 codes used, 75% of 8,192 "
            "and 97% of 16,384. Its authors promised another run.",
            "LlamaGen, issue 38",
            "https://github.com/FoundationVision/LlamaGen/issues/38",
        ),
    ),
)
