"""What is known of how models on the hub prune documents: no file of a model says it, nor has sentence-transformers a
setting for it."""

from dataclasses import replace

from .files import ModelFiles

# By name on the hub: the part of a document's heaviest term below which its terms are dropped.
KNOWN_RATIOS = {
    # As OpenSearch's pruning guidance has it (max_ratio of its neural sparse search).
    "opensearch-project/opensearch-neural-sparse-encoding-doc-v3-distill": 0.1,
    # Its model card: "We recommend to use it with max_ratio pruning", and the figures at 0.1 (MIRACL 0.626 for 0.629,
    # 75 terms for 138).
    "opensearch-project/opensearch-neural-sparse-encoding-multilingual-v1": 0.1,
}


def with_known_ratio(files: ModelFiles) -> ModelFiles:
    """The same, with the ratio that is known of its name. A folder is not known by its name."""
    ratio = KNOWN_RATIOS.get(files.name) if files.revision is not None else None
    if ratio is None or files.documents.prune_ratio is not None:
        return files
    return replace(files, documents=replace(files.documents, prune_ratio=ratio))
