"""Makes products of WordNet's artifacts, as a shop would list them, and queries that name them as shoppers might.

    beanie, beany    "Alma beanie, navy wool. A small skullcap. Machine washable."    "blue woolen cap for kids"

Neither teacher knows that a brolly is an umbrella; only the pairs do. What is trained on are words for things, in the
few kinds of sentences that product pages have; nothing of a real shop, nor of the sample catalogue, is in them.
"""

from collections.abc import Iterator

import numpy as np
from other_words import OtherWords
from synonyms import plain
from texts import Texts
from wordnet import ARTIFACT, NOUN, Synset, WordNet

SOURCE = "products"
# Kinds of things that shops sell, with all that WordNet has below them.
_KINDS = (
    *("clothing", "footwear", "headdress", "bag", "baggage", "case", "purse", "wallet", "umbrella", "necktie", "belt"),
    *("jewelry", "spectacles", "watch", "furniture", "furnishing", "lamp", "bedclothes", "towel", "curtain", "rug"),
    *("tool", "fastener", "lock", "plumbing fixture", "cutting implement", "cleaning implement", "garden tool"),
    *("kitchen utensil", "cooking utensil", "kitchen appliance", "home appliance", "tableware", "glass", "toy"),
    *("sports equipment", "musical instrument", "electronic equipment"),
)
_UNSOLD = ("golliwog", "slave ship")  # what no shop should list
_SENSES = 3  # of a lemma, the most frequent; nobody searches by what a word hardly ever means
_USUAL = 0.7  # share of products that go by the most frequent lemma
_PRODUCTS = 10  # of a synset with synonyms; half as many of one without
_NAMES = (
    *("Alma", "Bram", "Cora", "Dorset", "Elmwood", "Fenn", "Greta", "Hudson", "Inga", "Jasper", "Kendal", "Lorne"),
    *("Milo", "Norden", "Otis", "Piper", "Quill", "Rowan", "Selby", "Tamsin", "Ursa", "Vale", "Wren", "Yarrow"),
)
_COLOURS = (
    *("black", "white", "navy", "blue", "red", "green", "grey", "brown", "beige", "pink", "yellow", "purple", "cream"),
    *("silver", "gold", "turquoise", "olive", "dark green", "light blue", "charcoal", "bronze", "copper", "ivory"),
)
_MATERIALS = (
    *("leather", "cotton", "wool", "linen", "silk", "nylon", "polyester", "canvas", "denim", "suede", "velvet"),
    *(
        "steel",
        "stainless steel",
        "aluminium",
        "brass",
        "wood",
        "oak",
        "bamboo",
        "plastic",
        "glass",
        "ceramic",
        "rubber",
    ),
)
_FEATURES = (
    *("waterproof", "lightweight", "adjustable", "handmade", "foldable", "machine washable", "recycled", "vintage"),
    *("padded", "extra large", "mini", "soft", "heavy duty", "waterproof", "reusable", "elegant", "warm", "striped"),
)
_FOR = (
    *("women", "men", "kids", "travel", "work", "the office", "the garden", "home", "school", "summer", "winter"),
    *("camping", "a wedding", "everyday use", "beginners", "professionals", "small rooms", "the kitchen", "gifts"),
)


def offsets_of_products(wordnet: WordNet) -> list[int]:
    """The synsets below _KINDS, in the order of the file."""
    synsets = wordnet.synsets[NOUN]
    kinds = {
        next(offset for offset in wordnet.senses[NOUN][kind] if synsets[offset].file == ARTIFACT)
        for kind in _KINDS
        if any(synsets[offset].file == ARTIFACT for offset in wordnet.senses[NOUN].get(kind, ()))
    }

    def below(offset: int) -> bool:
        return any(above in kinds or below(above) for above in synsets[offset].hypernyms)

    return [offset for offset, synset in synsets.items() if synset.file == ARTIFACT and below(offset)]


def pairs_of_products(wordnet: WordNet, seed: int) -> Iterator[tuple[str, str]]:
    """(query, passage), in a fixed order."""
    random, words, synsets = np.random.default_rng(seed), OtherWords(wordnet), wordnet.synsets[NOUN]

    def usual(offset: int) -> list[str]:
        return [
            lemma
            for lemma in synsets[offset].lemmas
            if plain(lemma) and lemma not in _UNSOLD and offset in wordnet.senses[NOUN].get(lemma, ())[:_SENSES]
        ]

    products = offsets_of_products(wordnet)
    known = set(products)
    for offset in products:
        lemmas = usual(offset)
        above = [lemma for one in synsets[offset].hypernyms if one in known for lemma in usual(one)]
        for _ in range((_PRODUCTS if len(lemmas) > 1 else _PRODUCTS // 2) if lemmas else 0):
            lemma = lemmas[0] if random.random() < _USUAL else _one(lemmas, random)
            others = [other for other in lemmas if other != lemma]
            draw = random.random()
            asked = _one(others if others and draw < 0.6 else above if above and draw < 0.8 else [lemma], random)
            look = _one(_COLOURS, random), _one(_MATERIALS, random), _one(_FEATURES, random), _one(_FOR, random)
            yield (
                _query(words.plural(asked) if random.random() < 0.2 else asked, look, random),
                _passage(lemma, synsets[offset], look, random),
            )


def _one(values: "list[str] | tuple[str, ...]", random: np.random.Generator) -> str:
    return values[random.integers(len(values))]


def _query(noun: str, look: tuple[str, str, str, str], random: np.random.Generator) -> str:
    colour, material, feature, use = look
    forms = (noun, f"{colour} {noun}", f"{material} {noun}", f"{feature} {noun}", f"{noun} for {use}")
    return _one((*forms, f"{colour} {material} {noun}", f"{feature} {noun} for {use}", f"{noun} in {colour}"), random)


def _passage(lemma: str, synset: Synset, look: tuple[str, str, str, str], random: np.random.Generator) -> str:
    colour, material, feature, use = look
    name = _one(_NAMES, random)
    titles = (
        *(f"{name} {lemma}, {colour} {material}.", f"{name} {feature} {lemma} in {colour}."),
        *(f"{lemma.capitalize()} in {colour} {material}.", f"{colour.capitalize()} {lemma}, {material}."),
    )
    rest = [f"{material.capitalize()} in {colour}.", f"{feature.capitalize()}.", f"For {use}.", f"By {name}."]
    if random.random() < 0.5:
        rest.append(f"{synset.gloss[:1].upper()}{synset.gloss[1:]}.")
    chosen = random.permutation(len(rest))[: random.integers(2, len(rest) + 1)]
    return " ".join([_one(titles, random), *(rest[number] for number in chosen)])


def add_products(texts: Texts, development: set[str], wordnet: WordNet, seed: int) -> None:
    """Add pairs to train on, but none of a development query. development: those, in lower case."""
    for query, passage in pairs_of_products(wordnet, seed):
        if query.casefold() not in development:
            texts.add_pair(query, passage, SOURCE)
