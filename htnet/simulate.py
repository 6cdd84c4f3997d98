"""`htnet simulate`: made-up people and movements whose truth is known."""

from __future__ import annotations

from htnet.groups import command_group
from model_training.microexpression.commands import simulate_command as simulate_microexpressions
from model_training.simulator.commands import (
    occlude_command,
    other_camera_command,
    portraits_command,
    preview_command,
    sessions_command,
    simulate_command,
    warp_command,
    warp_sessions_command,
)

simulate = command_group(
    "Made-up people and movements whose truth is known.\n\n"
    "Example: `htnet simulate renders --out runs/simulated --identities 40`"
)
simulate.command("renders")(simulate_command)
simulate.command("sessions")(sessions_command)
simulate.command("preview")(preview_command)
simulate.command("palsies-on-photos")(warp_command)
simulate.command("sessions-on-photos")(warp_sessions_command)
simulate.command("pick-portraits")(portraits_command)
simulate.command("hidden-faces")(occlude_command)
simulate.command("other-camera")(other_camera_command)
simulate.command("microexpressions")(simulate_microexpressions)
