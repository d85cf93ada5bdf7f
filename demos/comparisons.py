"""Claims that compare two trainings of a lesson at one step."""

from demos.lesson import Claim, Finding
from demos.measures import held_out_loss
from demos.record import Record


def loses_less(name: str, other: str, *, at: int, share: float = 1.0) -> Claim:
    """The claim that at step `at` the task loss with `name` is below `share` of that with `other`."""

    def check(record: Record) -> Finding:
        mine, theirs = (held_out_loss(record.at(each, at)) for each in (name, other))
        return Finding(
            mine < share * theirs,
            f"the task loss is {mine:.3g} with {name} and {theirs:.3g} with {other}.",
            {name: mine, other: theirs},
        )

    lower = "lower" if share == 1 else f"lower by more than {1 - share:.0%}"
    return Claim(f"The task loss is {lower} with {name} than with {other}.", check)
