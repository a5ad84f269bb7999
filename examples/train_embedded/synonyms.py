"""Makes pairs of WordNet's synsets: a lemma, and a passage of the other lemmas, the gloss and the kind."""

import numpy as np
from split import Split
from texts import Texts
from wordnet import ARTIFACT, BODY, FOOD, NOUN, SUBSTANCE, Synset, WordNet

SOURCE = "wordnet-synonyms"
_KEPT = (ARTIFACT, BODY, FOOD, SUBSTANCE)  # what shops sell, and what it is made of and for
_SENSES = 2  # of a lemma, the most frequent
_WORDS = 3  # of a lemma, at most


def synonym_pairs(wordnet: WordNet, most: int, seed: int) -> list[tuple[str, str, str]]:
    """(lemma, passage, gloss), in a fixed order: all of the kinds in _KEPT, and of others by chance up to `most`."""
    kept, others = list[tuple[str, str, str]](), list[tuple[str, str, str]]()
    for part, synsets in wordnet.synsets.items():
        for offset, synset in synsets.items():
            for lemma in synset.lemmas if len(synset.lemmas) > 1 else ():
                if plain(lemma) and offset in wordnet.senses[part].get(lemma, ())[:_SENSES]:
                    kind = kind_of(wordnet, synset) if part == NOUN else ""
                    rest = ", ".join(other for other in synset.lemmas if other != lemma)
                    pair = lemma, f"{rest}: {synset.gloss}{kind}", synset.gloss
                    (kept if part == NOUN and synset.file in _KEPT else others).append(pair)
    room = max(0, min(most - len(kept), len(others)))
    chosen = np.random.default_rng(seed).choice(len(others), room, replace=False)
    return kept + [others[number] for number in sorted(chosen.tolist())]


def plain(lemma: str) -> bool:
    """Whether a lemma is of one to three words without a capital or a digit."""
    letters = lemma.islower() and not any(map(str.isdigit, lemma))
    return letters and len(lemma.split()) <= _WORDS


def kind_of(wordnet: WordNet, synset: Synset) -> str:
    """ " (kind of …)" with a noun's first direct hypernym; nothing for one without any."""
    if not synset.hypernyms:
        return ""
    return f" (kind of {wordnet.synsets[NOUN][synset.hypernyms[0]].lemmas[0]})"


def add_synonyms(texts: Texts, parts: Split, wordnet: WordNet, most: int, seed: int) -> None:
    """Add pairs to train on, but none of a development query, nor of a gloss that a development query is to find."""
    development = {texts.queries[query].casefold() for query in parts.queries.tolist()}
    held_out = [_letters(texts.passages[passage]) for passage in np.unique(parts.relevant[:, 1]).tolist()]
    for lemma, passage, gloss in synonym_pairs(wordnet, most, seed):
        # A passage may have the examples of a gloss behind it.
        if lemma.casefold() not in development and not any(one.startswith(_letters(gloss)) for one in held_out):
            texts.add_pair(lemma, passage, SOURCE)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
