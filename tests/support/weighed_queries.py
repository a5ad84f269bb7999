"""A model whose table weighs queries by the collection, and what such a query weighs, counted in Python."""

import json

import numpy as np
import torch
from safetensors.numpy import save_file

from .lexical import TABLE, declare, idf_factor, save_frequencies
from .saved_models import save, save_masked_lm, static
from .updates import collection_of

SIZE, REFERENCE, POWER = 199, 1000, 0.5
WEIGHED = {"idf_power": POWER, "document_frequency": TABLE}


def save_weighed(folder, entries, **files):
    """Save a model with a table of weights at random. entries: of its lexical.json, beside WEIGHED. files: of JSON, by
    their names without the ending."""
    weights = np.random.default_rng(3).uniform(0.5, 3, SIZE).astype(np.float32)
    save([static(save_masked_lm(folder.with_name("plain")), torch.from_numpy(weights))], folder)
    save_frequencies(declare(folder, **WEIGHED, **entries), np.arange(SIZE) + 1, REFERENCE)
    save_file({"word": np.arange(SIZE, dtype=np.int32)}, folder / "words.safetensors")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def vectors(index):
    """{id: {term: impact}} of a collection."""
    return {name: json.loads(line)["vector"] for name, line in collection_of(index).items()}


def weighed(searcher, factors):
    """{term: impact} of a query's terms, each with what its impact in the table is multiplied by."""
    encoder, documents = searcher.encoder, vectors(searcher.path).values()
    found = {}
    for term, factor in factors.items():
        token = encoder.vocabulary.index(term)
        impact = round(int(encoder.impacts_of(np.array([token]))[0]) * factor)
        having = sum(term in document for document in documents)
        found[term] = max(1, round(impact * idf_factor(having, len(documents), token + 1, REFERENCE, POWER)))
    return found
