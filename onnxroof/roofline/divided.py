"""How long does a run take at least that a device shares with its host?

The device's part at its floor, and what crosses the link between the two, side by side: a compiler may overlap them.
What the host computes comes on top, at a speed that nobody told us. The floor of the target does not hold this: it is
one of the device alone, which is how most measurements are taken.
"""

from __future__ import annotations

from onnxroof.mapping.offload import Offload
from onnxroof.targets.model import Target

__all__ = ["divided_latency_s", "link_time_s"]


def link_time_s(offload: Offload, target: Target) -> float | None:
    """The least time of what crosses the host link, both directions at once; None where it is not known."""
    link, inward, outward = target.host_link, offload.to_device_bytes, offload.to_host_bytes
    if link is None or inward is None or outward is None:
        return None
    return max(inward, outward) / link.value


def divided_latency_s(offload: Offload, target: Target, device_s: float | None) -> float | None:
    """The least time of a run that is divided so; None where neither device nor link say anything of it.

    `device_s` is the floor of the device's part.
    """
    return max((time for time in (device_s, link_time_s(offload, target)) if time is not None), default=None)
