"""What the buttons of a page command, for its script and for its frames."""

from app.live_plot.transport import Training, training_data
from app.panels.part import Part, small_part
from vqcore.training.live_session import LiveSession
from vqcore.training.status import Status


def training_of(session: LiveSession, status: Status) -> Training:
    """The training of `session`, whose `status` was read before: it may be that of one variant."""
    sent = session.commands_pending() + session.status().commands_done  # in this order none is missed
    return Training(status.is_stepping, settled=status.commands_done == sent, sent=sent)


def transport_part(session: LiveSession, status: Status) -> Part:
    """What *play* follows between two runs of the page's script."""
    return small_part(training_data(training_of(session, status)))
