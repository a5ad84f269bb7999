"""Rewrites what shoppers type with other words for the same thing: a noun gives way to a synonym of WordNet's."""

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from short_titles import SOURCES, first_phrase, short_titles
from split import Split
from texts import Texts, clean_query
from wordnet import ADJECTIVE, ARTIFACT, NOUN, WordNet

# Among so many of a noun's most frequent senses the artifact has to be, of a head noun and of one before it.
_HEAD_SENSES, _MODIFIER_SENSES = 2, 1
_SYNONYM_SENSES = 3  # what a word hardly ever means, such as "machine" a car, is no word to search by
# Nouns that shops and people use in another sense than WordNet's first: a tank top, no armored vehicle.
_OTHERWISE_USED = frozenset(
    word
    for line in (
        "anchor aquarium art bar bars base bass bear boule bracelet bridge bundle cable cake can canister cast center",
        "clip clipper control cover cushion desktop disc element express factory figure flight font four french gear",
        "go graffiti grill grocery hammer home infrastructure internet john kat limited link loop mac makeup master",
        "max mini net network output package pants pix plant plate platinum plug poker print product protection sam",
        "sampler school set setup sleeve starter steel step string stripe suite system tank tool web work working",
        "works workshop zoo",
    )
    for word in line.split()
)
_ALONE = ("webshop", "webshop queries", "wands queries", "esci sample queries")  # rewritten without a passage
_LONGEST = 8  # words of a title that is rewritten as a whole
_MOST = 2  # rewrites of a title, and of a shortened one
_WORD = re.compile(r"[a-z][a-z'’-]*[a-z]")
_HISSING = ("s", "x", "z", "ch", "sh")


class OtherWords:
    """Finds nouns of WordNet in short texts, and names them otherwise."""

    def __init__(self, wordnet: WordNet) -> None:
        self._wordnet = wordnet
        self._irregular = {
            singular: plural for plural, singulars in reversed(wordnet.singulars.items()) for singular in singulars
        }

    def rewrites(self, query: str, most: int, random: np.random.Generator) -> list[str]:
        """Up to `most` texts: a query's first phrase in lower case, the last noun that has synonyms replaced.

        English puts the head noun of such a phrase last. Two words that are one noun are replaced together.
        """
        words = first_phrase(query).lower().split()
        for end in range(len(words), 0, -1):
            for begin in (end - 2, end - 1):
                if begin < 0 or not all(map(_WORD.fullmatch, words[begin:end])):
                    continue
                before, after = words[:begin], words[end:]
                found = [
                    synonym
                    for synonym in self.synonyms(" ".join(words[begin:end]), head=end == len(words))
                    if not set(synonym.split()) & {*before, *after}
                ]
                if found:
                    chosen = random.permutation(len(found))[:most].tolist()
                    return [" ".join([*before, found[number], *after]) for number in chosen]
        return []

    def synonyms(self, noun: str, head: bool = True) -> list[str]:
        """Other words for a noun as an artifact, in its number; none if it is usually something else.

        A noun that is no head may be an adjective ("light wood"): then it has none.
        """
        synsets, senses = self._wordnet.synsets[NOUN], self._wordnet.senses
        if not head and noun in senses[ADJECTIVE]:
            return []
        for singular in (noun, *self._singulars(noun)):
            if singular in _OTHERWISE_USED:
                continue
            usual = senses[NOUN].get(singular, ())[: _HEAD_SENSES if head else _MODIFIER_SENSES]
            artifact = next((offset for offset in usual if synsets[offset].file == ARTIFACT), None)
            if artifact is None:
                continue
            lemmas = [
                lemma
                for lemma in synsets[artifact].lemmas
                if _differs(lemma, singular) and artifact in senses[NOUN].get(lemma, ())[:_SYNONYM_SENSES]
            ]
            if lemmas:
                return lemmas if singular == noun else [self.plural(lemma) for lemma in lemmas]
        return []

    def _singulars(self, noun: str) -> Iterator[str]:
        """What may be the singular of a plural."""
        yield from self._wordnet.singulars.get(noun, ())
        for ending, singular in (("ies", "y"), ("es", ""), ("s", "")):
            if noun.endswith(ending) and not noun.endswith("ss"):
                yield noun.removesuffix(ending) + singular

    def plural(self, noun: str) -> str:
        """The plural of a noun; of its first word before "of", and of one that ends as a plural the noun itself."""
        if " of " in noun:
            first, rest = noun.split(" of ", maxsplit=1)
            return f"{self.plural(first)} of {rest}"
        *before, last = noun.split()
        if last in self._irregular:
            last = self._irregular[last]
        elif last.endswith("s") and not last.endswith("ss"):
            pass
        elif last.endswith("y") and last[-2:-1] not in "aeiou":
            last = last[:-1] + "ies"
        else:
            last += "es" if last.endswith(_HISSING) else "s"
        return " ".join([*before, last])


def _differs(lemma: str, noun: str) -> bool:
    """Whether a lemma does not just add words to the noun or hyphenate it, and has no name and no number in it."""
    words = lemma.split()
    return all(map(_WORD.fullmatch, words)) and not set(noun.split()) <= set(words) and _joined(lemma) != _joined(noun)


def _joined(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def add_other_words(texts: Texts, parts: Split, words: OtherWords, seed: int) -> None:
    """Add new queries in other words: of titles that are trained on, with their passages, and of others without.

    A query that there is already stays as it is, so that none of the development set gets a passage to train on.
    """
    random, known = np.random.default_rng(seed), {query.casefold() for query in texts.queries}
    passages = defaultdict[int, list[str]](list)
    for query, passage in parts.trained.tolist():
        passages[query].append(texts.passages[passage])
    for query in [*passages, *parts.unpaired.tolist()]:
        text, source = texts.queries[query], texts.query_sources[query]
        forms = [text] if source in _ALONE or len(text.split()) <= _LONGEST else []
        if source in SOURCES:
            forms += short_titles(text)
        elif source not in _ALONE:
            continue
        for form in forms:
            for rewrite in words.rewrites(form, 1 if source in _ALONE else _MOST, random):
                new = clean_query(rewrite)
                if new.casefold() in known:
                    continue
                if source in _ALONE:
                    texts.add_query(new, f"{source}, other words")
                for passage in passages[query] if source in SOURCES else ():
                    texts.add_pair(new, passage, f"{source}, other words")
