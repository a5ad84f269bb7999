"""A document is found by a whole word of a query, not by pieces of one: against sums and words that numpy and
transformers' tokenizer give, in every way to search."""

import json
import random
from collections import Counter
from contextlib import closing

import numpy as np
import pytest
from fastapi.testclient import TestClient
from support.at_once import at_once
from support.saved_models import SPECIAL, needs_sentence_transformers, save
from support.with_fields import index_with_fields
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

import sparton
from sparton.indexer.read_vectors import BETWEEN_TERMS
from sparton.pipeline.encoding.query_terms import QueryTerms, split_words
from sparton.pipeline.tokens.words import words_of
from sparton.search.evaluation.run import plan_runs, write_runs
from sparton.search.first_pass import two_phase
from sparton.search.first_pass.all_terms import AllTerms
from sparton.search.service.app import make_app

pytestmark = [pytest.mark.slow, needs_sentence_transformers]

LETTERS = "qxzvbk"
WHOLE = ["black", "red", "tan", "leather", "bag", "suede", "clutch", "strap", "evening", "small"]
VOCABULARY = [
    *SPECIAL,
    *WHOLE,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    "##bag",
    "##ing",
    "##j",
    *".,?-",
    "the",
]
NO_WEIGHT = ("##v", "k", "the")
COUNT = 300


def weights():
    found = np.random.default_rng(11).uniform(0.2, 3, len(VOCABULARY)).astype(np.float32)
    found[[VOCABULARY.index(token) for token in NO_WEIGHT]] = 0
    return found


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import BertTokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    vocabulary = {token: number for number, token in enumerate(VOCABULARY)}
    BertTokenizer(vocab=vocabulary, model_max_length=96).save_pretrained(folder)
    return BertTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    import torch
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    folder = tmp_path_factory.mktemp("models") / "table"
    save([SparseStaticEmbedding(tokenizer, weight=torch.from_numpy(weights()))], folder)
    return str(folder)


def some_word(rng):
    """A word of one piece, or of several."""
    kind = rng.random()
    if kind < 0.45:
        return rng.choice(WHOLE)
    if kind < 0.55:
        return rng.choice(WHOLE) + rng.choice(["bag", "ing", "q"])
    return "".join(rng.choices(LETTERS, k=rng.randint(1, 5)))


def some_text(rng, most):
    return " ".join(some_word(rng) for _ in range(rng.randint(1, most)))


def queries(count, seed=3, most=4):
    rng = random.Random(seed)
    return [some_text(rng, most) for _ in range(count)]


def vectors():
    """Documents whose impacts no table gave."""
    rng = random.Random(7)
    terms = [*WHOLE, *(token for token in VOCABULARY if len(token.lstrip("#")) == 1 or token.startswith("##"))]
    return {f"d{i * 7919 % 1000:03}": {t: rng.randint(1, 9) for t in rng.sample(terms, 5)} for i in range(COUNT)}


class Reference:
    """Dot products of all documents, of which those stay that have a whole word of the query."""

    def __init__(self, tokenizer, documents):
        self._tokenizer, self._names, self._columns = tokenizer, list(documents), dict(tokenizer.vocab)
        self._matrix = np.zeros((len(documents), len(self._columns)), np.int64)
        for row, terms in enumerate(documents.values()):
            for term, impact in terms.items():
                self._matrix[row, self._columns[term]] = impact
        self._impacts = np.rint(weights() * np.float32(100)).astype(np.int64)

    def encoded(self, text):
        pieces = set(self._tokenizer.tokenize(text))
        return {piece: int(self._impacts[self._columns[piece]]) for piece in pieces - {*NO_WEIGHT}}

    def __call__(self, text, most=COUNT, keep=lambda _: True, by_word=True):
        query = np.zeros(len(self._columns), np.int64)
        for term, impact in self.encoded(text).items():
            query[self._columns[term]] = impact
        scores = self._matrix @ query
        words = [{*self._tokenizer.tokenize(word)} - {*NO_WEIGHT} for word in text.split()]
        columns = [[self._columns[piece] for piece in word] for word in words if word]
        has = np.zeros(len(scores), bool)
        for pieces in columns:
            has |= (self._matrix[:, pieces] > 0).all(axis=1)
        found = [
            (name, float(score))
            for name, score, ok in zip(self._names, scores, has if by_word else scores > 0, strict=True)
            if ok and score > 0 and keep(name)
        ]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:most]


@pytest.fixture(scope="module")
def reference(tokenizer):
    return Reference(tokenizer, vectors())


@pytest.fixture(scope="module")
def folders(model, tmp_path_factory):
    """An index whose Lucene indexes are joined, and one whose are not."""
    folder = tmp_path_factory.mktemp("indexes")
    (folder / "vectors").mkdir()
    lines = [json.dumps({"id": name, "contents": name, "vector": terms}) for name, terms in vectors().items()]
    for part in range(4):
        (folder / "vectors" / f"part-{part}.jsonl").write_text("\n".join(lines[part::4]) + "\n")
    for name, join in (("joined", True), ("apart", False)):
        sparton.index_vectors(folder / "vectors", folder / name, model=model, index_processes=2, join=join)
    return {name: folder / name for name in ("joined", "apart")}


@pytest.fixture(scope="module")
def searcher(folders):
    with sparton.Searcher(folders["joined"]) as opened:
        yield opened


def ids_and_scores(hits):
    return [(hit.id, hit.score) for hit in hits]


def test_the_rule_leaves_some_documents_out_and_not_all(reference):
    """Or what follows would compare little."""
    left_out = [len(reference(query, by_word=False)) - len(reference(query)) for query in queries(150)]
    assert sum(count > 0 for count in left_out) > 50
    assert sum(not count for count in left_out) > 20
    assert sum(bool(reference(query)) for query in queries(150)) > 100
    assert any(not reference(query) and reference(query, by_word=False) for query in queries(150))


@pytest.mark.parametrize("name", ["joined", "apart"])
def test_hits_have_a_whole_word_and_the_sums_of_all_terms(folders, reference, name):
    every = queries(150)
    with sparton.Searcher(folders[name]) as searcher:
        for query in every:
            assert searcher.terms(query) == reference.encoded(query)
            for k in (1, 10, COUNT):  # up to 99 hits, and from 100 on, are found in two ways
                assert ids_and_scores(searcher.search(query, k)) == reference(query, k)
        found = searcher.search_many(every, COUNT)
        assert list(map(ids_and_scores, found)) == [reference(query) for query in every]
        assert [hit.rank for hit in found[0]] == list(range(1, len(found[0]) + 1))


def test_pages_and_explanations_are_of_the_same_hits(searcher, reference):
    for query in queries(40, seed=5):
        expected = reference(query)
        assert ids_and_scores(searcher.search(query, 7, offset=5)) == expected[5:12]
        answer = searcher.answer(query, 20)
        for hit, matches in zip(answer.hits, searcher.explain(answer.terms, answer.hits), strict=True):
            assert sum(match.contribution for match in matches) == hit.score


def test_threads_get_what_each_would_get_alone(searcher, reference):
    every = queries(60, seed=9)

    def act(seed):
        mine = random.Random(seed).sample(every, len(every))
        return all(ids_and_scores(searcher.search(query, COUNT)) == reference(query) for query in mine)

    assert all(at_once(act))


@pytest.mark.parametrize("way", ["memory", "two-phase"])
def test_first_passes_find_the_same(folders, reference, monkeypatch, way):
    monkeypatch.setattr(two_phase, "_CANDIDATES", COUNT)
    monkeypatch.setattr(two_phase, "_TIMES", 1)
    found = Counter()
    with sparton.Searcher(folders["apart"], search_with="lucene" if way == "memory" else way) as searcher:
        first_pass = AllTerms(fewest=0) if way == "memory" else searcher.way.first_pass
        searcher.way.first_pass = first_pass
        candidates = first_pass.candidates

        def counted(*given):
            made = candidates(*given)
            found[made is not None] += 1
            return made

        monkeypatch.setattr(first_pass, "candidates", counted)
        if way == "two-phase":  # twenty candidates, of which all that are wanted have the heavy terms
            monkeypatch.setattr(two_phase, "_CANDIDATES", 20)
            monkeypatch.setattr(two_phase, "_SHARE", 1.0)
        for query in queries(80, seed=13) * 2:
            assert ids_and_scores(searcher.search(query, 5)) == reference(query, 5)
    assert found[True] > 40


def test_a_run_has_the_same_lines(folders, searcher, reference, tmp_path, run_cli):
    every = queries(70, seed=17)
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(f"{number}\t{query}\n" for number, query in enumerate(every)))
    (report,) = write_runs(searcher, plan_runs([topics], tmp_path / "run.trec", k=50))
    lines = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    found = [[line[2] for line in lines if line[0] == str(number)] for number in range(len(every))]
    expected = [[name for name, _ in reference(query, 50)] for query in every]
    assert found == expected
    terms = [bool(reference.encoded(query)) for query in every]
    assert (report.hits, report.without_terms) == (sum(map(len, expected)), terms.count(False))
    assert report.without_hits == sum(has and not hits for has, hits in zip(terms, expected, strict=True)) > 0
    ran = run_cli("run", topics, "-o", tmp_path / "again.trec", "-k", 50, "--index", folders["apart"])
    assert ran.code == 0, ran.stderr
    assert (tmp_path / "again.trec").read_bytes() == (tmp_path / "run.trec").read_bytes()


def test_a_service_gives_the_same(searcher, reference):
    every = queries(40, seed=19)
    with TestClient(make_app(searcher), base_url="http://localhost") as client:
        together = client.post("/search", json={"queries": every, "k": 30}).json()["results"]
        for query, batched in zip(every, together, strict=True):
            alone = client.get("/search", params={"q": query, "k": 30, "explain": True}).json()
            for hits in (alone["hits"], batched["hits"]):
                assert [(hit["id"], hit["score"]) for hit in hits] == reference(query, 30)
            assert {one["term"]: one["impact"] for one in alone["terms"]} == reference.encoded(query)
        assert client.get("/search", params={"q": "xqzbxqz"}).json()["hits"] == []


def test_nonsense_has_no_hits(folders, searcher, reference, run_cli):
    nonsense = "xqzbxqz kqxbvz?"
    assert len(reference("xqzbxqz kqxbvz", by_word=False)) > 50
    assert searcher.search(nonsense) == []
    ran = run_cli("search", nonsense, "--index", folders["joined"])
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == f"sparton: no hits for {nonsense!r}: no document holds a whole word of the query\n"


def test_a_word_and_nonsense_have_the_documents_of_the_word(searcher, reference):
    alone, both = searcher.search("leather", COUNT), searcher.search("leather xqzbxqz", COUNT)
    assert {hit.id for hit in both} == {hit.id for hit in alone}
    assert ids_and_scores(both) == reference("leather xqzbxqz")
    scores = dict(ids_and_scores(alone))
    assert any(hit.score > scores[hit.id] for hit in both)


def test_queries_of_whole_words_ask_lucene_as_before(searcher, monkeypatch):
    scores, asked = searcher._index._top_scores, []
    rank = scores.rank

    def noted(query, k, accepted=None):
        asked.append((str(query.toString()), k, accepted))
        return rank(query, k, accepted)

    monkeypatch.setattr(scores, "rank", noted)
    for query in ("black leather bag", "q", "the suede - strap?", "kv red"):
        terms = searcher.terms(query)
        assert split_words(terms) == ()
        assert searcher.search(query, COUNT) == searcher.search_terms(dict(terms), COUNT) != []
        assert asked[-1] == asked[-2]
        assert asked[-1][2] is None
    searcher.search("black qx", COUNT)
    searcher.search_terms(dict(searcher.terms("black qx")), COUNT)
    assert asked[-1][:1] == asked[-2][:1]  # scores are of the same query, of fewer documents
    assert asked[-2][2] is not None
    assert searcher.search("", COUNT) == []


def test_signs_of_punctuation_are_no_words(searcher):
    assert {"?", "-"} <= searcher.terms("xqz - bxq?").keys()
    assert [word for word in split_words(searcher.terms("xqz - bxq?")) if len(word) == 1] == []


def test_terms_that_come_as_such_are_searched_for_as_they_are(searcher, reference):
    query = "xqzbxqz"
    terms = searcher.terms(query)
    assert ids_and_scores(searcher.search_terms(dict(terms), COUNT)) == reference(query, by_word=False)
    assert searcher.search_terms(terms, COUNT) == searcher.search(query, COUNT) == []
    assert searcher.search_terms(terms.copy(), COUNT) == []
    terms["leather"] = 5  # a term more is a word more, and a term that is taken away is not asked for
    assert {hit.id for hit in searcher.search_terms(terms, COUNT)} == {
        hit.id for hit in searcher.search("leather", COUNT)
    }
    less = searcher.terms("qx")
    del less["q"]
    assert searcher.search_terms(less, COUNT) == searcher.search_terms(dict(less), COUNT) != []


def test_a_piece_that_no_index_can_hold_is_not_asked_for(searcher):
    odd = f"a{BETWEEN_TERMS}b"
    words = frozenset({"black", odd}), frozenset({"x", "##q"})
    found = searcher.search_terms(QueryTerms({"black": 2, odd: 1, "x": 1, "##q": 1}, words), COUNT)
    has = {name for name, terms in vectors().items() if "black" in terms or {"x", "##q"} <= terms.keys()}
    assert {hit.id for hit in found} == has
    assert searcher.search_terms(QueryTerms({odd: 1, f"{odd}b": 1}, (frozenset({odd, f"{odd}b"}),)), COUNT) == []


def test_pieces_that_a_query_leaves_out_are_not_asked_for(folders, reference):
    with sparton.Searcher(folders["joined"], query_top_terms=2) as searcher:
        for query in queries(60, seed=23):
            every = reference.encoded(query)
            kept = sorted(every, key=lambda term: (-every[term], VOCABULARY.index(term)))[:2]
            assert list(searcher.terms(query)) == kept
            words = searcher.terms(query).whole_words()
            has = {name for name, terms in vectors().items() if any(word <= terms.keys() for word in words)}
            assert {hit.id for hit in searcher.search(query, COUNT)} == has
            assert {term for word in words for term in word} == {*kept}


PRICES = "price < 30"


def shop_documents():
    rng = random.Random(29)
    return {
        f"P{number:03}": (some_text(rng, 7), {"price": number % 50, "brand": ("Adele", "Verrane")[number % 3 % 2]})
        for number in range(200)
    }


def table_terms(tokenizer, text):
    impacts = np.rint(weights() * np.float32(100))
    pieces = {*tokenizer.tokenize(text)} - {*NO_WEIGHT}
    return {piece: int(impacts[VOCABULARY.index(piece)]) for piece in pieces}


@pytest.fixture(scope="module")
def shop(model, tmp_path_factory):
    folder = index_with_fields(tmp_path_factory.mktemp("shop") / "index", shop_documents(), model=model)
    with sparton.Searcher(folder) as opened:
        yield opened


def test_filters_facets_and_orders_are_of_documents_with_a_whole_word(shop, tokenizer):
    documents = shop_documents()
    reference = Reference(tokenizer, {name: table_terms(tokenizer, text) for name, (text, _) in documents.items()})
    left_out = 0
    with TestClient(make_app(shop), base_url="http://localhost") as client:
        for query in queries(40, seed=31):
            for filters in ((), (PRICES,), (PRICES, "brand = Adele")):

                def passes(name, filters=filters):
                    fields = documents[name][1]
                    return (not filters or fields["price"] < 30) and (len(filters) < 2 or fields["brand"] == "Adele")

                expected = reference(query, keep=passes)
                left_out += len(reference(query, keep=passes, by_word=False)) - len(expected)
                answer = shop.answer(query, COUNT, filters=filters, facets=["brand"])
                assert ids_and_scores(answer.hits) == expected
                brands = Counter(documents[name][1]["brand"] for name, _ in expected)
                assert (answer.total, {one.value: one.count for one in answer.facets["brand"]}) == (
                    len(expected),
                    dict(brands),
                )
                by_price = sorted(expected, key=lambda one: (documents[one[0]][1]["price"], one[0]))
                assert ids_and_scores(shop.search(query, COUNT, filters=filters, sort="price")) == by_price
                asked = {"q": query, "k": 200, "filter": filters, "facet": "brand"}
                served = client.get("/search", params=asked).json()
                assert [(hit["id"], hit["score"]) for hit in served["hits"]] == expected
                assert served["total"] == len(expected)
    assert left_out > 100


def test_passages_are_found_by_a_whole_word(model, tokenizer, tmp_path):
    rng = random.Random(37)
    texts = {f"d{number:02}": some_text(rng, 60) for number in range(30)}
    documents = {name: (text, {}) for name, text in texts.items()}
    folder = index_with_fields(tmp_path / "index", documents, fields=(), model=model, chunk=True, max_length=12)
    with closing(sparton.Searcher(folder)) as searcher:
        parts = sorted((folder / "collection").glob("part-*.jsonl"))
        lines = [json.loads(line) for part in parts for line in part.read_text().splitlines()]
        passages = {line["id"]: line["vector"] for line in lines}
        assert len(passages) > 60
        reference = Reference(tokenizer, passages)
        for query in queries(60, seed=41, most=2):
            best = {}
            for name, score in reference(query, len(passages)):
                document = name.rpartition("#")[0]
                best[document] = max(score, best.get(document, 0.0))
            expected = sorted(best.items(), key=lambda one: (-one[1], one[0]))
            assert ids_and_scores(searcher.search(query, COUNT)) == expected


def test_fused_searches_fuse_documents_with_a_whole_word(model, write_parquet, tmp_path):
    documents = shop_documents()
    corpus = write_parquet(tmp_path / "c.parquet", id=list(documents), text=[text for text, _ in documents.values()])
    sparton.build_index(corpus, tmp_path / "index", model=model, also=("bm25",))
    with (
        sparton.Searcher(tmp_path / "index") as sparse,
        sparton.Searcher(tmp_path / "index", search_with="bm25") as bm25,
        sparton.Searcher(tmp_path / "index", search_with="bm25+sparse") as fused,
    ):
        for query in [*queries(30, seed=43), "xqj bzj"]:
            scores = Counter()
            for ways in (bm25, sparse):
                for hit in ways.search(query, 200):
                    scores[hit.id] += 1 / (60 + hit.rank)
            expected = sorted(scores, key=lambda name: (-scores[name], name))
            found = fused.search(query, 200)
            assert {hit.id: hit.score for hit in found} == pytest.approx(dict(scores))
            assert [hit.id for hit in found] == sorted(
                expected, key=lambda name: (-next(hit.score for hit in found if hit.id == name), name)
            )
        assert sparse.search_terms(dict(sparse.terms("xqj bzj"))) != []
        assert fused.search("xqj bzj") == []


def pieces(tokenizer, text):
    """The words of a text as its tokens."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return [[tokenizer.id_to_token(token) for token in word] for word in words_of(text, encoding, 0, 1000)]


def byte_level():
    tokenizer = Tokenizer(models.BPE({"b": 0, "a": 1, "Ġ": 2, "ba": 3, "Ġb": 4, "-": 5}, [("b", "a"), ("Ġ", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def unigram(pre_tokenizer):
    every = [
        ("<unk>", -10.0),
        ("▁", -3.0),
        ("▁ba", -2.0),
        ("b", -3.0),
        ("a", -3.0),
        ("ก", -3.0),
        ("ข", -3.0),
        ("-", -3.0),
    ]
    tokenizer = Tokenizer(models.Unigram(every, 0))
    if pre_tokenizer is None:  # one word to word_ids
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizer
    return tokenizer


def test_words_are_what_the_tokenizer_cuts_first():
    assert pieces(byte_level(), "baa ba - a") == [["ba", "a"], ["Ġ", "ba"], ["Ġ", "a"]]
    for tokenizer in (unigram(pre_tokenizers.Metaspace()), unigram(None)):
        assert pieces(tokenizer, "baab ba") == [["▁ba", "a", "b"], ["▁ba"]]


def test_in_a_script_without_blanks_each_piece_is_a_word():
    found = pieces(unigram(pre_tokenizers.Metaspace()), "กข baa")
    assert found == [["▁"], ["ก"], ["ข"], ["▁ba", "a"]]


def test_a_text_that_is_cut_has_the_pieces_that_are_left(model):
    from sparton.pipeline.encoding.open_encoder import open_document_encoder

    encoder = open_document_encoder(model=model, max_length=4)
    assert encoder.words("black red xqz") == (frozenset({"black"}), frozenset({"red"}), frozenset({"x", "##q"}))
    assert encoder.terms("black red xqz").keys() == {"black", "red", "x", "##q"}


def test_terms_of_a_query_are_a_dict():
    terms = QueryTerms({"a": 1, "##b": 2}, (frozenset({"a", "##b"}),))
    assert terms == {"a": 1, "##b": 2}
    assert json.loads(json.dumps(terms)) == dict(terms)
    assert split_words(terms.copy()) == (frozenset({"a", "##b"}),)
    assert split_words(dict(terms)) == split_words(terms | {}) == ()
