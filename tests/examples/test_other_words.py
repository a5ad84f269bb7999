"""Other words from WordNet in examples/train_embedded, of a tiny database in WordNet's own format."""

import numpy as np
import pytest

from sparton.errors import SpartonError

# Offset, number of the lexicographers' file, lemmas, pointers, gloss.
NOUNS = [
    (1740, 3, "entity", "", "that which is"),
    (2000, 6, "seat", "@ 1740", 'furniture that is for "sitting on"; "he dusted off the seat"; and more of it'),
    (2100, 6, "sofa couch lounge", "@ 2000 ~ 1740", 'an upholstered seat; for more than one person; "they sat"'),
    (2200, 9, "couch", "@ 1740", "a state of rest"),
    (2300, 4, "couch", "@ 1740", "an act of rest"),
    (2400, 6, "living_room sitting_room front_room parlor Salon_7", "@ 1740", "a room for visitors"),
    (2500, 6, "tank army_tank armored_vehicle", "@ 1740", "a vehicle with guns"),
    (2600, 6, "shelf ledge", "@ 2000", "a support on which things lie"),
    (2700, 4, "light brightness", "@ 1740", "an act of lighting"),
    (2800, 6, "light lamp", "@ 1740", "a device that lights"),
    (2900, 6, "chest_of_drawers dresser", "@ 2000", "furniture with drawers"),
    (3000, 6, "cover concealment", "@ 1740", "a covering"),
    (3100, 13, "apple pome Malus", "@ 1740", "a fruit of a tree"),
    (3200, 9, "peace quiet_of_a_long_day", "@ 1740", "absence of noise"),
]
VERBS = [(1000, 38, "walk go_on_foot", "", 'use one\'s feet; "walk!"'), (1100, 38, "go", "", "move")]


def save_wordnet(folder):
    """Database files as in wndb(5): senses of a lemma in the order of its synsets here."""
    folder.mkdir()
    for part, letter, synsets in (("noun", "n", NOUNS), ("verb", "v", VERBS), ("adj", "a", [])):
        data, index = ["  1 This line is of the licence.  "], dict[str, list[int]]()
        for offset, file, lemmas, pointers, gloss in synsets:
            symbols = pointers.split()
            targets = [
                f"{symbol} {int(to):08} {letter} 0000" for symbol, to in zip(symbols[::2], symbols[1::2], strict=True)
            ]
            words = [f"{lemma} 0" for lemma in lemmas.split()]
            frames = "01 + 02 00 " if part == "verb" else ""
            fields = [f"{offset:08}", f"{file:02}", letter, f"{len(words):02x}", *words, f"{len(targets):03}", *targets]
            data.append(" ".join(fields) + f" {frames}| {gloss}  ")
            for lemma in lemmas.lower().split():
                index.setdefault(lemma, []).append(offset)
        if part == "adj":
            index["light"] = [5000]
        lines = [
            f"{lemma} {letter} {len(offsets)} 2 @ ~ {len(offsets)} 0 " + " ".join(f"{offset:08}" for offset in offsets)
            for lemma, offsets in sorted(index.items())
        ]
        (folder / f"data.{part}").write_text("\n".join(data) + "\n")
        (folder / f"index.{part}").write_text(
            "\n".join(["  1 Of the licence.  ", *(line + "  " for line in lines)]) + "\n"
        )
    (folder / "noun.exc").write_text("shelves shelf\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_wordnet(tmp_path_factory.mktemp("wordnet") / "dict")


@pytest.fixture(scope="module")
def wordnet(recipe, folder):
    return recipe("wordnet").read_wordnet(folder)


@pytest.fixture(scope="module")
def words(recipe, wordnet):
    return recipe("other_words").OtherWords(wordnet)


def test_synsets_are_read(wordnet):
    sofa = wordnet.synsets["noun"][2100]
    assert sofa.lemmas == ("sofa", "couch", "lounge")
    assert sofa.gloss == "an upholstered seat; for more than one person"
    assert (sofa.file, sofa.hypernyms) == (6, (2000,))
    # Words in quotes within a definition are no example.
    assert wordnet.synsets["noun"][2000].gloss == 'furniture that is for "sitting on"'
    assert wordnet.synsets["verb"][1000].gloss == "use one's feet"
    assert wordnet.senses["noun"]["couch"] == (2100, 2200, 2300)
    assert wordnet.senses["noun"]["living room"] == (2400,)
    assert len(wordnet.synsets["noun"]) == len(NOUNS)
    assert wordnet.singulars == {"shelves": ("shelf",)}


def test_what_is_no_wordnet_is_named(recipe, folder, tmp_path):
    read = recipe("wordnet").read_wordnet
    with pytest.raises(SpartonError, match=r"data\.noun is missing"):
        read(tmp_path)
    broken = save_wordnet(tmp_path / "broken")
    lines = (broken / "index.verb").read_text().splitlines()
    lines[1] = lines[1].rsplit(maxsplit=1)[0]  # one offset less than the count says
    (broken / "index.verb").write_text("\n".join(lines))
    with pytest.raises(SpartonError, match=r"index\.verb, line 2, is not of the format of WordNet 3\.0"):
        read(broken)


def test_a_synset_gives_a_pair_for_each_plain_lemma(recipe, wordnet):
    pairs = [pair[:2] for pair in recipe("synonyms").synonym_pairs(wordnet, 100, 0)]
    assert ("couch", "sofa, lounge: an upholstered seat; for more than one person (kind of seat)") in pairs
    assert ("apple", "pome, Malus: a fruit of a tree (kind of entity)") in pairs
    assert ("walk", "go on foot: use one's feet") in pairs
    lemmas = [lemma for lemma, _ in pairs]
    assert not {"Malus", "Salon 7", "entity", "quiet of a long day"} & set(lemmas)
    assert lemmas.count("light") == 2
    # What shops sell is kept whatever the limit; of the rest there is as much as fits.
    kept = [pair[:2] for pair in recipe("synonyms").synonym_pairs(wordnet, 0, 0)]
    assert {"couch", "apple"} < {lemma for lemma, _ in kept}
    assert not {"walk", "peace", "brightness"} & {lemma for lemma, _ in kept}
    assert [len(recipe("synonyms").synonym_pairs(wordnet, len(kept) + more, 0)) - len(kept) for more in (1, 2)] == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Blue Velvet Couch - X200", {"blue velvet sofa", "blue velvet lounge"}),
        ("Two Couches for guests", {"two sofas", "two lounges"}),
        ("oak shelves", {"oak ledges"}),
        ("oak ledges", {"oak shelves"}),
        ("white dressers", {"white chests of drawers"}),
        ("modern living room", {"modern sitting room", "modern front room", "modern parlor"}),
        # The head noun has no other word, so that the noun before it gives way.
        ("sofa seat", {"couch seat", "lounge seat"}),
        ("reading light", {"reading lamp"}),  # an artifact in its second sense
        ("light seat", set()),  # an adjective
        ("sofa lounge", {"sofa couch"}),  # no word twice
        ("summer tank", set()),  # no vehicle
        ("white cover", set()),
        ("happiness", set()),
    ],
)
def test_a_title_is_rewritten(words, query, expected):
    random = np.random.default_rng(0)
    assert set(words.rewrites(query, 100, random)) == expected
    assert len(words.rewrites(query, 1, random)) == min(1, len(expected))


def test_held_out_passages_get_no_pairs(recipe, folder):
    texts = recipe("texts").Texts()
    titles = [f"{chr(97 + number)}an velvet sofa" for number in range(20)]
    for title in titles:
        texts.add_pair(title, f"Rest on the best one: {title}.", "retail-demo-store")
    texts.add_pair("ledge", "a support on which things lie, with an example", "wordnet")  # WordNet's own gloss
    texts.add_pair("apple", "this is not what WordNet says", "wordnet")
    texts.add_pair("velvet couch", "soft furniture of one room", "webshop")  # what a rewritten title is
    texts.add_query("brown couch with legs", "wands queries")
    texts.add_query("brown couch with arms", "people")
    held_out = {*titles[:2], "ledge", "apple", "velvet couch"}
    pairs = texts.pair_numbers()
    chosen = np.array([texts.queries[query] in held_out for query in pairs[:, 0].tolist()])
    unpaired = np.setdiff1d(np.arange(len(texts.queries), dtype=np.int32), pairs[:, 0])
    parts = recipe("split").Split(pairs[chosen, 0], pairs[chosen], pairs[~chosen], unpaired)

    trained, alone = recipe("prepare").add_wordnet(texts, parts, unpaired, folder, 100, 0)
    assert np.array_equal(trained[: len(parts.trained)], parts.trained)
    added = trained[len(parts.trained) :].tolist()
    assert not set(parts.relevant[:, 1].tolist()) & {passage for _, passage in added}
    by_source = {"retail-demo-store, other words": set[tuple[str, str]](), "wordnet-synonyms": set[tuple[str, str]]()}
    for query, passage in added:
        by_source[texts.pairs[query, passage]].add((texts.queries[query], texts.passages[passage]))
    # Each title that is trained on, and its last two words, which are those of all titles; "velvet couch" is held out.
    expected = {
        (rewrite, f"Rest on the best one: {title}.")
        for title in titles[2:]
        for rewrite in (title.replace("sofa", "couch"), title.replace("sofa", "lounge"), "velvet lounge")
    }
    assert by_source["retail-demo-store, other words"] == expected
    # Of the fruit only the word that is no development query, of the shelf none.
    lemmas = {lemma for lemma, _ in by_source["wordnet-synonyms"]}
    assert {"sofa", "couch", "pome"} <= lemmas
    assert not {"shelf", "ledge", "apple"} & lemmas
    new = {texts.queries[query] for query in alone.tolist()} - {texts.queries[query] for query in unpaired.tolist()}
    assert new in ({"brown sofa"}, {"brown lounge"})
    assert set(unpaired.tolist()) <= set(alone.tolist())


def test_products_go_by_one_name_and_are_asked_for_by_another(recipe, wordnet, monkeypatch):
    products = recipe("products")
    monkeypatch.setattr(products, "_KINDS", ("seat",))
    assert products.offsets_of_products(wordnet) == [2100, 2600, 2900]
    pairs = list(products.pairs_of_products(wordnet, seed=0))
    assert pairs == list(products.pairs_of_products(wordnet, seed=0)) != list(products.pairs_of_products(wordnet, 1))
    names = ("sofa", "couch", "lounge"), ("shelf", "ledge"), ("chest of drawers", "dresser")
    assert len(pairs) == 10 * len(names)
    asked = set()
    for number, (query, passage) in enumerate(pairs):
        own = names[number // 10]
        (name,) = [one for one in own if one in passage.split(". ")[0].lower()]
        (wanted,) = [one for one in (*own, "shelve", "chests of drawers") if one in query]
        asked.add((name, wanted))
    assert {("sofa", "couch"), ("sofa", "lounge"), ("shelf", "ledge")} <= asked
    assert len({passage for _, passage in pairs}) > 20


def test_no_product_is_asked_for_by_a_query_that_is_held_out(recipe, wordnet, monkeypatch):
    products = recipe("products")
    monkeypatch.setattr(products, "_KINDS", ("seat",))
    queries = [query for query, _ in products.pairs_of_products(wordnet, seed=0)]
    texts = recipe("texts").Texts()
    products.add_products(texts, {queries[4].casefold()}, wordnet, seed=0)
    assert set(texts.queries) == set(queries) - {queries[4]}


def test_artifacts_have_the_words_that_mean_them_first_of_all(recipe, wordnet):
    table = recipe("synonym_table").synonyms(wordnet, {"ledge"})
    assert table == {
        "army tank": [["tank"]],
        "armored vehicle": [["tank"]],
        "chest of drawers": [["dresser"]],
        "concealment": [["cover"]],
        "couch": [["sofa", "lounge"]],
        "cover": [["concealment"]],
        "front room": [["parlor"]],
        "living room": [["parlor"]],
        "lounge": [["sofa", "couch"]],
        "shelf": [["ledge"]],
        "sitting room": [["parlor"]],
        "sofa": [["couch", "lounge"]],
    }
    assert "light" not in table, "which is no artifact in its first sense"
    assert "lamp" not in table, "whose other word is no lamp in its first sense"


def test_what_is_never_guessed_is_no_synonym(recipe, wordnet, monkeypatch):
    module = recipe("synonym_table")
    monkeypatch.setattr(module, "NEVER", frozenset({"lounge"}))
    assert module.synonyms(wordnet, ()).get("sofa") == [["couch"]]
    assert "lounge" not in module.synonyms(wordnet, ())


def test_the_licence_goes_along(recipe, folder):
    assert recipe("wordnet").licence(folder) == "This line is of the licence.\n"
