"""What a refusal must have: a sentence that tells what to do, as an imperative."""

import re

VERBS = (
    "Add Allow Ask Change Check Choose Close Collect Convert Copy Count Free Give Go Install Join Keep Leave Load "
    "Make Move Name Open Reduce Remove Repair Restart Run Save Say Show Start Train Try Unpack Use Write"
)
TO_DO = re.compile(
    rf"(^|[.;:,?…] |, or )(If [^.]+, )?({'|'.join(VERBS.split())}|{VERBS.lower().replace(' ', '|')})\b"
)


def tells_what_to_do(sentence: str) -> bool:
    """Whether an imperative stands at the beginning of a sentence or of a part of one."""
    return TO_DO.search(sentence) is not None
