"""The starts of the start page; their settings and thresholds were measured on seeds below 100.

Each of the paper's three remedies has a start in which it wins by itself.
"""

from typing import Any

from vqcore.starts.start import Claims, Experiment, Start, Symptom

OPT: dict[str, Any] = {"inner_steps": 1, "inner_momentum": 0.9, "sync": 0.5}
"""The paper's name for alternating and synchronized updates together; momentum as its authors run it."""

RUNNING: dict[str, Any] = {"affine": "running"}
LEARNED: dict[str, Any] = {"affine": "learned", "affine_lr_scale": 10.0}
REPLACED: dict[str, Any] = {"replace_every": 20}
NOTHING = "Do nothing"


def _ladder(**claims: Claims) -> tuple[Experiment, ...]:
    """The experiments of most starts, from nothing to everything, with the claims made of them."""
    rungs: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("nothing", NOTHING, {}),
        ("affine", "Affine", RUNNING),
        ("opt", "Alternating + sync", OPT),
        ("both", "Both", RUNNING | OPT),
        ("replacement", "Replacement", REPLACED),
        ("everything", "Everything", LEARNED | OPT | REPLACED),
    )
    return tuple(
        Experiment(name=name, changes=changes, claims=claims.get(key, Claims())) for key, name, changes in rungs
    )


PHOTOGRAPH = Start(
    name="photograph",
    title="A photograph loses its colours",
    about="An autoencoder whose codes start at random keeps two of 512 codes, and photographs two tones. One switch "
    "brings the colours back.",
    look_at="{in_use} of {num_codes} codes are left, and the photographs have as few tones.",
    problem="patches",
    settings={"batch_size": 16, "learning_rate": 0.002},
    pause_at=150,
    steps=300,
    experiments=_ladder(
        affine=Claims(task_loss_ratio_below=0.8, active_codes_ratio_above=5.0),
        opt=Claims(active_codes_ratio_above=1.2),
        both=Claims(task_loss_ratio_below=0.85, active_codes_ratio_above=2.0),
        replacement=Claims(task_loss_ratio_below=0.5, active_codes_ratio_above=100.0),
        everything=Claims(task_loss_ratio_below=0.5, active_codes_ratio_above=100.0),
    ),
    symptom=Symptom(words="lose its colours", active_share_below=0.02),
    seed=4,
)

BLIND = Start(
    name="blind-classifier",
    title="A classifier goes blind",
    about="Every vector of a digits classifier ends at one code: 10% right, for good. One switch brings it to 93%.",
    look_at="{in_use} of {num_codes} codes left, and {right:.0%} right: no better than a guess.",
    problem="digits-classifier",
    settings={"learning_rate": 0.002, "alpha": 20.0},
    pause_at=100,
    steps=600,
    experiments=_ladder(
        affine=Claims(accuracy_above=0.9),
        opt=Claims(accuracy_above=0.9),
        replacement=Claims(accuracy_above=0.9),
    ),
    symptom=Symptom(words="go blind", accuracy_below=0.2),
)

RANKED = Start(
    name="ranked-remedies",
    title="The remedies, ranked",
    about="A small autoencoder of digits keeps some 20 of 128 codes. Each remedy, and all together: the paper's "
    "ladder, made by your own hand.",
    look_at="{in_use} of {num_codes} codes are in use.",
    problem="digits",
    settings={},
    pause_at=200,
    steps=300,
    experiments=_ladder(
        affine=Claims(task_loss_ratio_below=0.95, active_codes_ratio_above=2.0),
        opt=Claims(task_loss_ratio_below=0.9),
        both=Claims(task_loss_ratio_below=0.65, active_codes_ratio_above=1.8),
        replacement=Claims(task_loss_ratio_below=0.65, active_codes_ratio_above=4.0),
        everything=Claims(task_loss_ratio_below=0.6, active_codes_ratio_above=4.0),
    ),
    symptom=Symptom(words="lose its codes", active_share_below=0.4),
)

LAGGING = Start(
    name="lagging-codes",
    title="Codes that lag behind",
    about="Codes start well, but a weak commitment loss lets the encoder leave them behind. Synchronized updates "
    "alone bring them along.",
    look_at="{in_use} of {num_codes} codes have kept up with the encoder.",
    problem="digits",
    settings={"code_init": "kmeans", "alpha": 0.05, "beta": 0.1},
    pause_at=100,
    steps=900,
    experiments=(
        Experiment(name=NOTHING, changes={}),
        Experiment(
            name="Sync",
            changes={"sync": 10.0},
            claims=Claims(task_loss_ratio_below=0.8, active_codes_ratio_above=1.5),
        ),
        Experiment(name="Affine", changes=RUNNING),
        Experiment(name="Alternating", changes={"inner_steps": 1, "inner_momentum": 0.9}),
        Experiment(name="Replacement", changes=REPLACED),
    ),
    symptom=Symptom(words="leave its codes behind", active_share_below=0.4),
)

HEALTHY = Start(
    name="healthy-codebook",
    title="A healthy codebook",
    about="Codes that start at k-means centres, and a β small enough to hold the encoder to them: nearly all of them "
    "stay in use without any remedy.",
    look_at="{in_use} of {num_codes} codes are in use, spread as the encoder's vectors are.",
    problem="digits",
    settings={"code_init": "kmeans", "beta": 0.1, "learning_rate": 0.003},
    pause_at=300,
    steps=300,
    experiments=(
        Experiment(name=NOTHING, changes={}),
        Experiment(name="Affine", changes=RUNNING),
        Experiment(name="Alternating + sync", changes=OPT),
        Experiment(name="Replacement", changes=REPLACED),
    ),
)

STARTS: tuple[Start, ...] = (PHOTOGRAPH, BLIND, RANKED, LAGGING, HEALTHY)


def find_start(name: str) -> Start:
    """The start called `name`.

    Raises:
        ValueError: if there is none, naming those there are.
    """
    found = {start.name: start for start in STARTS}
    if name not in found:
        raise ValueError(f"`start` must be one of {', '.join(found)}, but got {name!r}.")
    return found[name]
