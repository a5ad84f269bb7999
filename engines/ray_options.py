"""Which options go with a Ray cluster: told without Ray, before any work."""

from importlib.util import find_spec

from ..errors import Parameter, SpartonError, UsageError
from ..pipeline.options import EncodingOptions


def check_ray(options: EncodingOptions) -> None:
    """Raise UsageError for a device that Ray does not place work by, and for ray://, the protocol of Ray Client, which
    cannot hand parts over as they are finished; SpartonError where Ray is not installed."""
    if options.device not in ("auto", "cuda", "cpu"):
        raise UsageError(
            Parameter("device"),
            f" is {options.device!r} with ",
            Parameter("engine", "ray"),
            ", which places work itself; expected auto, cuda or cpu",
        )
    if options.address and options.address.startswith("ray://"):
        raise UsageError(
            Parameter("address"),
            f" is {options.address!r}, which Ray Client is for; expected auto, or host:port of the head",
        )
    if find_spec("ray") is None:
        raise SpartonError(Parameter("engine", "ray"), " needs Ray; install it with `pip install 'sparton[ray]'`")
