"""Every threshold of the diagnosis, with its reason. Set on seeds 0 to 4 of the failure gallery."""

import math

COLLAPSED_SHARE, UNEVEN_SHARE = 0.10, 0.25
"""Perplexity over K: collapsed runs of the gallery stay below 0.05, healthy ones above 0.3."""

NEGLIGIBLE_ERROR = 0.0075
"""Error over the variance of P up to which every used code is near its latents, however uneven the use."""

SEVERE_HARM, NOTICED_HARM = 2.0, 1.25
"""Error over what k-means attains on the same latents. A random draw of the latents as codes is at 1.2 to 1.5."""

SEVERE_DEAD_SHARE, MANY_DEAD_SHARE = 0.5, 0.1
"""Dead codes over K. Below the second they are only noted: a rarely used code is not a fault."""

CHANCE_OF_A_MISS = 1e-3
"""Largest probability that even use leaves some code untouched, for a code to be called dead."""

FAR_ERROR = 1.2
"""Error over the variance of P. Above 1 the codes do worse than the mean of P; the rest is a margin for noise."""

USELESS_ERROR, NO_COLLAPSE = 0.95, 0.1
"""The same, from which no margin is needed where k-means would halve the error and the assigned codes have at least
so much of the variance of P: codes of another model. (A codebook that collapsed to one code is at 1, too.)"""

FAR_PLACE = 1.0
"""Distance between the means of P and C, in root total variances of P."""

FAR_SCALE = 2.0
"""Ratio of the spreads of P and C, either way. Half or double is ordinary: dead codes alone can make it."""

FAR_SLOPE = 1.4
"""Slope of z_e on z_q, either way, from which the codebook is out of scale. Codes that follow a growing P late are
at 1.1; latents of 1.3 times the scale at 1.2, of 1.7 times at 1.6 in any number of dimensions."""

TOO_SMALL_SLOPE = 3.0
"""The same, from which the codebook is too small at any error: in many dimensions no scaling would halve it. Where
latents grow away from a k-means start that nothing renews it is at 1.9."""

SHAPE_SLOPE, SHAPE_LEFT = 0.75, 0.9
"""The same, up to which the codes are of another shape, and the share of the error that any scaling then leaves at
most: those of another model are at 0.2 to 0.7, and leave 0.6 to 0.8; a collapsed codebook that fits leaves 0.97."""

OUTLYING = 0.99
"""A dead code is far if it is further from its nearest latent than this share of latents is from theirs."""

FEWEST_LIVE_ROWS = 16
"""Codes in use that the bookkeeping of moving averages is judged by."""

SHRUNK_LENGTH = 0.5
"""Mean length of the codes over that in an earlier file, up to which they shrank; its square is severe."""

BESIDE_MEANS, FAR_FROM_MEANS, WRITTEN_TWICE = 2e-3, 0.5, 0.9
"""Distance of a row from its EMA sum over its count, over its length, between which another hand has moved it after
the average wrote it, and the share of the rows in use from which this is no replacement. Rounding to bfloat16, below
4e-3, is allowed for; averages that have not been updated are further away."""

FORGOTTEN_SHARE, SHRUNKEN_LENGTH = 1e-3, 0.1
"""Count over the mean count, and length over that of codes in use, of rows that moving averages have forgotten."""

DUPLICATE_DISTANCE = 1e-3
"""Nearest-neighbour distance over the codebook's spread below which two codes coincide. Half precision errs less."""

SEVERE_DUPLICATES, MANY_DUPLICATES = 0.5, 0.02
"""Codes with a duplicate, over K."""

LINE_RANK = 1.05
"""Effective rank of P up to which it is a line, which is only a warning: the task may need no other direction.
Brightness dominates natural patches, on which short healthy runs use 1.04 to 4 of 32 dimensions; on digits, 3 to 8
of 16. (A severe finding below 1.15 was wrong on seeds 7 and 8 of the evaluation seeds.)"""

PLANE_SHARE, PLANE_DIMS = 0.9985, 8
"""Variance that two directions hold, from which P is a plane, in at least so many features. Healthy runs on patches,
where brightness dominates, reach 0.997 on some seeds (a limit of 0.99 was wrong on 7 of the seeds 40 to 59)."""

LOW_RANK, LOW_RANK_SHARE = 1.3, 0.04
"""Effective rank up to which a note is given, in itself and over D; the larger of the two applies."""

POINT_SPREAD = 1e-3
"""Root total variance of P over the length of its mean below which P is one point."""

RANK_VECTORS_PER_DIM = 2
"""Vectors for each feature that an effective rank needs."""

DEAF = 1e-6
"""Variance of the output over that of the code vectors, over inputs. Where every ReLU behind the quantizer is dead it
is 0 up to rounding, 1e-12; decoders that answer are at 0.05 and above, even before training."""

GROWTH = 1.25
"""Spread of P now over that half-way through: healthy runs are at 0.9 to 1.2 after the first steps."""

KEEPS_UP, LOSS_GREW = 0.75, 1.1
"""Relative error and task loss now over those half-way through, below which growth does no harm. Where P runs away or
is held too weakly the error is at 0.9 and above; where a running map has the codes follow a growing P, at 0.36 to
0.57, and the loss falls."""

FIRST_STEPS = 200
"""Growth up to here is normal at the start of any training."""

FEWEST_ROWS = 12
"""Measurements that a history needs before its trend is judged."""

WEAK_PULL = 0.01
"""Commitment's share of the encoder's loss, α(1 − β)‖z_e − z_q‖² over that and the task loss: less has no hold."""

STRONG_PULL = 0.25
"""The same share, above which it competes with the task: too strong where the embeddings also shrink."""

DOMINANT_PULL = 0.8
"""The same share, above which the encoder learns little but to stay near the codebook. Healthy runs stay below
0.4, collapsed ones at the default weights below 0.6."""

RAN_AWAY = 30.0
"""Spread of P now over that at the first measurement, from which growth that has ended counts too. Healthy runs
of the gallery end at 3 to 9, weakly held ones at 10 to 28."""

SHRUNK = 0.85
"""Spread of P now over that at the first measurement; in healthy runs it grows several times."""

STEPS_TO_MOVE = 100
"""Steps in which every code in use is expected to have moved; an epoch is more."""

NOT_A_REDUCTION = 0.98
"""‖residual‖² after a level over before it: from here up the level does nothing; as far above 1, it does harm."""

RECYCLED_SHARE = 0.05
"""Codes that even use would leave unused for `replace_every` steps by chance, over K."""

CHURN = 0.2
"""Codes moved within the last `CHURN_STEPS`, over K, from which recycling is a fact and not just a risk."""

CHURN_SAMPLE = 2048
"""Latents whose codes in two codebooks are compared."""

CHURN_STEPS = 10

FEWEST_VECTORS_PER_CODE = 10
"""Distinct vectors per code; FAISS warns below 39 when it trains centroids."""

INITIAL_KS = 1.63
"""√n times the Kolmogorov–Smirnov distance that true draws exceed in one of a hundred cases."""

INITIAL_CORRELATION = 3.0
"""Standard deviations by which the features' correlations may exceed those of independent draws."""

NOTICED_SHARE = 0.3
"""Share of codes that cannot have moved without a visible effect on the distribution of all codes."""

INITIAL_VALUES = 500
"""Values that the comparison with an initial distribution needs."""

WELL_COUNTED = 30
"""Vectors for each code in effect, from which a random part shows a collapse of the whole, however large K is."""

SMALLEST_BLOCK, STRAYS = 8, 0.05
"""Dead codes that make a block, and the share of codes in it that may be used."""

FEWEST_OUTSIDE, DEAD_OUTSIDE = 8, 0.25
"""Codes in use that must be left outside such a block, and the share of the others there that may be dead: a collapse
onto few codes leaves long runs of dead ones, too."""

REPEATED_SHARE, MOST_REPEATED = 0.05, 0.9
"""Share of the latents that one vector has from which it is padding or silence rather than data, and up to which the
use of codes is judged without it. A sound run may have it, too: one of the gallery's of seeds 40–49 has 20%."""

PERPLEXITY_CHANGED = 1.25
"""Perplexity without such a vector over that with it, from which counting it misleads."""

COLLIDING_SHARE = 0.1
"""1 − distinct tuples over items. Of item tokenizers reported as usable it is at 0.01 to 0.08, of those that were
complained of at 0.3."""

FEWEST_TO_SUSPECT_NAN, NOT_NAN_SHARE = 8, 1e-3
"""K from which all codes being 0 is no chance, and the share of other codes up to which NaN explains it."""

ROUNDING_SHARE = 0.1
"""Rounding error of the stored dtype over the distance between neighbouring codes."""


def vectors_needed(num_codes: int) -> int:
    """N from which an unused code means something: even use then misses none of K, except with `CHANCE_OF_A_MISS`.

    The chance of any miss is at most K(1 − 1/K)^N.

    >>> vectors_needed(8), vectors_needed(512)
    (68, 6725)
    """
    if num_codes < 2:
        return 1
    return math.ceil(math.log(CHANCE_OF_A_MISS / num_codes) / math.log1p(-1 / num_codes))


RANKS_DIFFER = 1e-4
"""Distance between two processes' copies of a code vector, over its length, from which they count as different.
Copies that are kept equal agree to the bit, or to the rounding of a sum over processes."""
