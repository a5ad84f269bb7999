"""What a command says of a package that is not installed: what needs it, and what installs it."""

from importlib.util import find_spec

_ENCODING = "torch", "transformers"
# Packages that are called otherwise than what is imported of them.
_DISTRIBUTIONS = {
    "ir_measures": "ir-measures",
    "jpype": "JPype1",
    "prometheus_client": "prometheus-client",
    "pytrec_eval": "pytrec-eval-terrier",
}
_OTHERS = (
    "fastapi",
    "huggingface_hub",
    "numpy",
    "orjson",
    "pyarrow",
    "safetensors",
    "scipy",
    "selectolax",
    "tokenizers",
    "tqdm",
    "uvicorn",
)


def missing_package(error: ModuleNotFoundError) -> str | None:
    """The sentence for a package that Sparton needs and does not find; None for any other module.

    Packages that only an extra brings are not among them: who imports one of these says which extra.
    """
    name = (error.name or "").partition(".")[0]
    if name in _ENCODING:
        lacking = " and ".join(each for each in _ENCODING if find_spec(each) is None) or name
        return (
            f"to encode by this model, {lacking} must be installed; run `pip install {' '.join(_ENCODING)}`, before "
            "which docs/install.md has a smaller torch for CPUs"
        )
    if name in _OTHERS or name in _DISTRIBUTIONS:
        return f"the package {name} is not installed; run `pip install {_DISTRIBUTIONS.get(name, name)}`"
    return None
