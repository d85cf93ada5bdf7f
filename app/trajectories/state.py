"""What the Trajectories page keeps for one visitor."""

from dataclasses import dataclass, field

from app.links.trajectories import default_setting
from app.page_state import state_of
from vqcore.trajectories.setting import Setting


@dataclass(slots=True)
class TrajectoriesState:
    """Changed in place by the page's script and by what its controls call."""

    setting: Setting | None = None
    """The setting in force; None before the URL is read."""

    adopted: Setting = field(default_factory=default_setting)
    """What the controls show when they are first drawn."""

    generation: int = 0
    """How often the controls have been recreated; a part of their keys."""

    shown: Setting = field(default_factory=default_setting)
    """The last setting whose paths could be computed."""

    swept: set[Setting] = field(default_factory=set)
    """The settings whose seeds have been on this page."""

    @property
    def in_force(self) -> Setting:
        """The setting in force, or where the page begins."""
        return default_setting() if self.setting is None else self.setting


def trajectories_state() -> TrajectoriesState:
    """This visitor's."""
    return state_of(TrajectoriesState)
