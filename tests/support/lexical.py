"""Model folders that say how words are weighed, and by what."""

import json
import math
import shutil

import numpy as np
from safetensors.numpy import save_file

from sparton.pipeline.model.embedded import embedded_folder

TABLE = "document_frequency.safetensors"


def declare(folder, **entries):
    """Write a folder's lexical.json; return the folder."""
    (folder / "lexical.json").write_text(json.dumps(entries))
    return folder


def save_frequencies(folder, counts, documents):
    """Write the table of document frequencies of a folder's model; return what lexical.json says of it."""
    tensors = {"document_frequency": np.asarray(counts, np.int32), "documents": np.array([documents], np.int64)}
    save_file(tensors, folder / TABLE)
    return {"document_frequency": TABLE}


def copied(folder, path, **entries):
    """A copy of a model folder with a lexical.json."""
    return declare(shutil.copytree(folder, path), **entries)


def save_unbounded(path):
    """Save the embedded model so that documents keep all that it guesses: rounding moves which are the heaviest."""
    folder = shutil.copytree(embedded_folder("small"), path)
    content = json.loads((folder / "lexical.json").read_text())
    del content["expansion"]
    return str(declare(folder, **content))


def frequency_factor(times, strength):
    """What the weight of a token that stands so many times in its text is multiplied by."""
    return 1 + strength * (math.log2(1 + times) - 1)


def bm25_part(times, tokens, mean_length):
    """What BM25 makes of a word that stands so many times in a text of so many tokens, with Anserini's k1 and b."""
    return times * 1.9 / (times + 0.9 * (0.6 + 0.4 * tokens / mean_length))


def idf(having, documents):
    """That of Lucene's BM25, at least 0.2."""
    return max(0.2, math.log(1 + (documents - having + 0.5) / (having + 0.5)))


def idf_factor(having, documents, reference, reference_documents, power):
    """What the impact of a query's term is multiplied by."""
    return min(5, idf(having, documents) / idf(reference, reference_documents)) ** power if having else 1
