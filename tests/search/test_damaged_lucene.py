"""Lucene's files with flipped bits: a search gives a sentence or the right answer, and `info --check` tells."""

import json
import random
import re
import shutil
import zlib
from contextlib import closing

import numpy as np
import pytest
from jpype import JArray, JByte

import sparton
from sparton.errors import SpartonError
from sparton.indexer.java import java_class
from sparton.search.doc_values import ids
from sparton.search.lucene_hits import DamagedIndexError

pytestmark = pytest.mark.slow

SEED, FLIPS = 7, 50
QUERY = "small black leather crossbody bag"


def lucene_files(folder):
    return sorted(path for path in (folder / "lucene").iterdir() if path.name != "write.lock" and path.stat().st_size)


def answered(folder, model):
    """Hits and matches of a search, or the sentence that it ends with."""
    try:
        searcher = sparton.Searcher(folder, model=model)
        try:
            answer = searcher.answer(QUERY, 64)
            return answer.hits, searcher.explain(answer.terms, answer.hits)
        finally:
            searcher.close()
    except SpartonError as error:
        return str(error)


@pytest.fixture(scope="module")
def quick_index(small_catalog, tmp_path_factory):
    """The small catalogue by a table, so that opening it takes no time."""
    from support.saved_models import save, save_masked_lm, static

    folder = tmp_path_factory.mktemp("damaged")
    save([static(save_masked_lm(folder / "plain"))], folder / "model")
    sparton.build_index(small_catalog, folder / "index", model=str(folder / "model"), shard_rows=20)
    return folder / "index", str(folder / "model")


def test_a_flipped_bit_gives_a_sentence_or_the_right_documents(quick_index, tmp_path, run_cli):
    whole, model = quick_index
    hits, matches = answered(whole, model)
    texts = {hit.id: hit.text for hit in hits}
    assert len(texts) > 5
    chance = random.Random(SEED)
    sentences = noticed = 0
    for flip in range(FLIPS):
        folder = tmp_path / str(flip)
        shutil.copytree(whole, folder)
        path = chance.choice(lucene_files(folder))
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        found = answered(folder, model)
        ran = run_cli("info", "--check", "--index", folder)
        if isinstance(found, str):
            sentences += 1
            lucene = folder / "lucene"
            assert found.startswith(
                (
                    f"the Lucene index {lucene} cannot be read (",
                    f"{lucene} cannot be opened",
                    f"the index {folder} has no",
                )
            )
            assert "\n" not in found
        else:  # never another document's text
            assert all(
                hit.text == texts[hit.id] or abs(len(hit.text) - len(texts[hit.id])) < 9
                for hit in found[0]
                if hit.id in texts
            )
        if ran.code:
            noticed += 1
            assert ran.code == 1
            assert ran.stderr.startswith(f"Error: the index {folder / 'lucene'} is damaged: ")
            assert ran.stderr.count("\n") == 1
        else:
            assert found == (hits, matches), path
        shutil.rmtree(folder)
    assert sentences > 3
    assert noticed > FLIPS * 3 / 4  # a bit of .cfe or .si padding may mean nothing


def test_check_of_a_whole_index(quick_index, run_cli):
    folder, _ = quick_index
    counts = json.loads((folder / "sparton.json").read_text())["counts"]
    ran = run_cli("info", "--check", "--index", folder)
    assert ran.code == 0
    assert ran.stdout.splitlines()[-1] == (
        f"  checked     {counts['documents']} documents, {counts['postings']:,} postings, their ids and Lucene's "
        "checksums, 4 parts of the collection: as they were written"
    )
    assert json.loads(run_cli("info", "--check", "--json", "--index", folder).stdout)["counts"] == counts


def test_check_of_counts_and_parts(quick_index, tmp_path, run_cli):
    folder = tmp_path / "index"
    shutil.copytree(quick_index[0], folder)
    manifest = (folder / "sparton.json").read_text()
    documents = json.loads(manifest)["counts"]["documents"]
    (folder / "sparton.json").write_text(manifest.replace(f'"documents": {documents}', '"documents": 63'))
    assert run_cli("info", "--check", "--index", folder).stderr == (
        f"Error: the index {folder} is damaged: Lucene holds {documents} documents and sparton.json says 63; build "
        "it again with --overwrite\n"
    )
    (folder / "sparton.json").write_text(manifest)
    part = folder / "collection" / "part-00002.jsonl"
    part.write_bytes(part.read_bytes()[:-1])
    ran = run_cli("info", "--check", "--index", folder)
    assert (ran.code, ran.stderr) == (
        1,
        f"Error: {part} is not what was written; remove {folder / 'lucene'} and run the same `sparton index` again, "
        "which encodes what is not there any more\n",
    )


def test_documents_that_are_stored_under_another_id_are_not_shown(tmp_path):
    """As a pointer with a flipped bit would have it."""
    from sparton.search.impact_index import ImpactIndex
    from sparton.search.lucene_hits import ScoredDoc

    collection = tmp_path / "vectors"
    collection.mkdir()
    lines = [json.dumps({"id": f"d{i}", "contents": f"text {i}", "vector": {"bag": i + 1}}) for i in range(3)]
    (collection / "a.jsonl").write_text("\n".join(lines) + "\n")
    sparton.index_vectors(collection, tmp_path / "index")
    index = ImpactIndex(tmp_path / "index" / "lucene")
    (first, *_) = index.rank({"bag": 1}, 3)
    assert (first.id, index.texts([first])) == ("d2", ["text 2"])
    with pytest.raises(SpartonError) as caught:
        index.texts([ScoredDoc(first.number, "d1", 1.0)])
    assert str(caught.value) == (
        f"the Lucene index {tmp_path / 'index' / 'lucene'} cannot be read (what is stored as the document 'd1' says "
        "that it is 'd2'); check it with `sparton info --check`, and build it again with overwrite=True"
    )
    index.close()


def with_unknown_codec(content):
    """As a newer version has it, whose major number is the same."""
    return re.sub(rb"Lucene(\d+)", lambda match: b"Lucene" + b"7" * len(match[1]), content)


def by_the_next(content):
    """Behind a header, whose last field is a suffix: the version that wrote it, and the one that began it."""
    at = 34 + content[33]
    writer, first = content[at] + 1, content[at + 3] + 1
    return content[:at] + bytes([writer]) + content[at + 1 : at + 3] + bytes([first]) + content[at + 4 :]


@pytest.mark.parametrize("change", [with_unknown_codec, by_the_next])
def test_an_index_of_a_newer_lucene_is_named(quick_index, tmp_path, run_cli, change):
    whole, model = quick_index
    folder = tmp_path / "newer"
    shutil.copytree(whole, folder)
    (segments,) = (folder / "lucene").glob("segments_*")
    content = change(segments.read_bytes())
    segments.write_bytes(content[:-8] + zlib.crc32(content[:-8]).to_bytes(8, "big"))
    version = java_class("org.apache.lucene.util.Version").LATEST
    sentence = (
        f"{folder / 'lucene'} cannot be opened by Lucene {version}: it was written by a newer Lucene; search it with "
        "the Pyserini that it was built with (from Python 3.12 on, pip brings Lucene 10), or build it again with "
    )
    assert answered(folder, model) == sentence + "overwrite=True"
    for command in (("info", "--check"), ("search", "bag", "--model", model)):
        ran = run_cli(*command, "--index", folder)
        assert (ran.code, ran.stderr) == (1, f"Error: {sentence}--overwrite\n")


@pytest.mark.parametrize("change", [with_unknown_codec, by_the_next])
def test_a_flipped_version_without_its_checksum_is_damage(quick_index, tmp_path, run_cli, change):
    whole, model = quick_index
    folder = tmp_path / "flipped"
    shutil.copytree(whole, folder)
    (segments,) = (folder / "lucene").glob("segments_*")
    segments.write_bytes(change(segments.read_bytes()))
    assert answered(folder, model).startswith(f"{folder / 'lucene'} cannot be opened by Lucene (")
    ran = run_cli("info", "--check", "--index", folder)
    assert ran.code == 1
    assert ran.stderr.startswith(f"Error: the index {folder / 'lucene'} is damaged: Lucene cannot open it (")


def test_a_document_without_an_id_or_with_one_that_is_no_text_is_noticed():
    store, index = "org.apache.lucene.store.", "org.apache.lucene.index."
    directory = java_class(f"{store}ByteBuffersDirectory")()
    writer = java_class(f"{index}IndexWriter")(directory, java_class(f"{index}IndexWriterConfig")())
    for name in ("a", None, "né漢", b"\xc3", b"\xff", "c"):
        document = java_class("org.apache.lucene.document.Document")()
        if name is not None:
            content = JArray(JByte)(name.encode() if isinstance(name, str) else name)
            value = java_class("org.apache.lucene.util.BytesRef")(content)
            document.add(java_class("org.apache.lucene.document.BinaryDocValuesField")("id", value))
        writer.addDocument(document)
    writer.close()
    with closing(java_class(f"{index}DirectoryReader").open(directory)) as reader:
        assert list(ids(reader, np.array([0, 2, 5]))) == [b"a", "né漢".encode(), b"c"]
        assert list(ids(reader, np.array([], np.int32))) == []
        for numbers in ([0, 1], [0, 3], [4], [1], None):
            with pytest.raises(DamagedIndexError):
                list(ids(reader, None if numbers is None else np.array(numbers)))
