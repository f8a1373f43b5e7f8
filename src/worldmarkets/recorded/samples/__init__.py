"""Recordings that come with the package: the same four minutes of the ETH perpetual and of ETH spot, 2024-08-08."""

from importlib.resources import files
from pathlib import Path

from worldmarkets.recorded.l2 import ETH_PERP, ETH_SPOT, Instrument

SAMPLES: dict[str, Instrument] = {"perp_ethusdt": ETH_PERP, "spot_ethusdt": ETH_SPOT}
"""The samples by name, and the instrument to read each with."""


def sample(name: str) -> Path:
    """Returns the path of a packaged recording, one of `SAMPLES`.

    Raises: KeyError when there is no sample of that name.
    """
    if name not in SAMPLES:
        raise KeyError(f"no sample {name!r}; there are {', '.join(SAMPLES)}")
    return Path(str(files(__name__).joinpath(f"{name}.xz")))
