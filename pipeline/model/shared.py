"""Models that are loaded once for all who encode by them."""

import threading
from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

from ...storage.manifest import OWN, EncoderSpec
from .base import Model, Runtime


class SharedModels:
    """The models that encode at the moment, for several indexes or for documents and queries of one. A model goes when
    nobody encodes by it any more."""

    def __init__(self) -> None:
        self._models: WeakValueDictionary[Hashable, Model] = WeakValueDictionary()
        self._lock = threading.Lock()

    def loaded(self, spec: EncoderSpec, runtime: Runtime, load: Callable[[], Model]) -> Model:
        """The model of a spec on a device: the one that is loaded, else what `load` gives.

        Prompts, lengths and how many terms are kept are the encoder's, so that they make no difference; but where a
        text has its own tokens alone, the model has to know those of the prompt.
        """
        prompt = spec.prompt if spec.terms == OWN else ""
        what = spec.kind, spec.digest, spec.dtype, spec.pooling, spec.activation, spec.echo, spec.terms, prompt
        key = what, runtime
        with self._lock:  # two that need the same one wait for it
            model = self._models.get(key)
            if model is None:
                self._models[key] = model = load()
            return model
