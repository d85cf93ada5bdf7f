"""One code examined with the model: decoded alone, and in its neighbour's place. Changes nothing."""

# N monitor vectors, K codes, I monitor inputs

from dataclasses import dataclass

import torch
from torch import Tensor

from vqcore.capture import read_only
from vqcore.diagnostics.code_facts import nearest_codes_of
from vqcore.history import Floats
from vqcore.problems.problem import Model, Problem, Split
from vqcore.quantizer.layer import Quantizer
from vqcore.training.evaluation import evaluating


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """What changes when a code replaces its nearest neighbour in use everywhere."""

    neighbour: int
    """The nearest other code that the monitor sample uses."""

    inputs: int
    """How many of the monitor inputs use the neighbour."""

    vectors: int
    """How many of their vectors use the neighbour."""

    output_change: float
    """Root mean square change of those inputs' outputs."""

    loss_change: float
    """Change of the task loss of those inputs: after minus before."""

    before: Floats
    """The output for the input that uses the neighbour most."""

    after: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """One code as the model sees it at one step."""

    step: int
    code: int
    level: int
    alone: Floats
    """The model's output where every place holds this code. At a group or level of several, the others are at the
    mean of what the monitor sample has there."""

    replaced: Replaced | None
    """None if the monitor sample uses no other code."""


def examine_code(
    problem: Problem, model: Model, quantizer: Quantizer, monitor: Split, code: int, level: int, step: int
) -> Examination:
    """Decode `code` of `level` alone and in place of its nearest neighbour, over the `monitor` inputs."""
    with evaluating(model, quantizer):
        z_e = model.encode(monitor.inputs)
        codes = quantizer.quantize(z_e)[0].codes
        has_levels = codes.dim() == z_e.dim()

        def decoded(of_level: Tensor, inputs: Tensor) -> Tensor:
            """z_q (i, …, D) of some inputs, their codes of the level exchanged."""
            if not has_levels:
                return quantizer.decode(of_level)
            changed = codes[inputs].clone()
            changed[..., level] = of_level
            return quantizer.decode(changed)

        found = codes[..., level] if has_levels else codes  # (I, …)
        all_inputs = torch.arange(len(codes), device=codes.device)
        everywhere = decoded(torch.full_like(found, code), all_inputs)
        mean = everywhere.flatten(0, -2).mean(0)  # each level adds its part: the mean keeps this code's as it is
        alone = model.decode(mean.expand(1, *z_e.shape[1:]))[0]
        codebook = quantizer.parts[quantizer.part_of_level[level]].codebook()
        order, _ = nearest_codes_of(read_only(codebook), code, count=len(codebook))
        used = set(found.unique().tolist())
        neighbour = next((near for near in order if near in used), None)
        replaced = None
        if neighbour is not None:
            places = (found == neighbour).reshape(len(found), -1).sum(1)  # (I,)
            inputs = places.nonzero()[:, 0]
            before = found[inputs]
            after = torch.where(before == neighbour, code, before)
            replaced = _compared(
                problem,
                Split(monitor.inputs[inputs], monitor.targets[inputs]),
                model.decode(decoded(before, inputs)),
                model.decode(decoded(after, inputs)),
                neighbour=neighbour,
                uses=places[inputs],
            )
        return Examination(step=step, code=code, level=level, alone=read_only(alone), replaced=replaced)


def _compared(
    problem: Problem, split: Split, before: Tensor, after: Tensor, *, neighbour: int, uses: Tensor
) -> Replaced:
    most = int(uses.argmax())
    return Replaced(
        neighbour=neighbour,
        inputs=len(uses),
        vectors=int(uses.sum()),
        output_change=float((after - before).square().mean().sqrt()),
        loss_change=float(problem.loss(after, split.targets) - problem.loss(before, split.targets)),
        before=read_only(before[most]),
        after=read_only(after[most]),
    )
