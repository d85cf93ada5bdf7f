"""The core: quantizer, problems, training and diagnosis.

For anyone's own training and notebooks:

- `watch(model)` records what the quantizers of a model in training do, in a folder.
- `lightning_callback(…)`, `transformers_callback(…)` and `accelerate_tracker(…)` are the same for those libraries.
- `load_run(folder)` opens such a folder.
- `follow(folder, on_alert=…)` looks at it while it is written, and calls back when a finding turns severe.
- `diagnose(codebook_or_module, latents=…)` is the doctor for arrays, modules and runs.
- `collect_latents(model, loader, n)` gives it the latents.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqcore.doctor.diagnosis import Diagnosis
    from vqcore.probe.callbacks import accelerate_tracker, lightning_callback, transformers_callback
    from vqcore.probe.collecting import collect_latents
    from vqcore.probe.diagnosing import diagnose
    from vqcore.probe.watching import Probe, watch
    from vqcore.runs.following import Alert, follow
    from vqcore.runs.reading import Run, load_run

__all__ = [
    "Alert",
    "Diagnosis",
    "Probe",
    "Run",
    "accelerate_tracker",
    "collect_latents",
    "diagnose",
    "follow",
    "lightning_callback",
    "load_run",
    "transformers_callback",
    "watch",
]

_PLACES = {
    "Alert": "vqcore.runs.following",
    "Diagnosis": "vqcore.doctor.diagnosis",
    "Probe": "vqcore.probe.watching",
    "Run": "vqcore.runs.reading",
    "accelerate_tracker": "vqcore.probe.callbacks",
    "lightning_callback": "vqcore.probe.callbacks",
    "transformers_callback": "vqcore.probe.callbacks",
    "collect_latents": "vqcore.probe.collecting",
    "diagnose": "vqcore.probe.diagnosing",
    "follow": "vqcore.runs.following",
    "load_run": "vqcore.runs.reading",
    "watch": "vqcore.probe.watching",
}


def __getattr__(name: str) -> Any:  # imported when first used: `import vqcore` alone loads no torch
    if name not in _PLACES:
        raise AttributeError(f"module 'vqcore' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
