"""Everything that a Lucene impact index holds, in a form that two indexes can be compared by."""

import json
from dataclasses import dataclass

import numpy as np

from sparton.indexer.java import java_class


@dataclass
class Content:
    """texts: of each id, as stored. values: its doc value and norm. postings: of each term, ids' ranks and impacts.
    statistics: those of the field, as searchers use them, and how many documents there are."""

    texts: dict
    values: dict
    postings: dict
    statistics: dict

    def __eq__(self, other):
        return (
            (self.texts, self.values, self.statistics) == (other.texts, other.values, other.statistics)
            and self.postings.keys() == other.postings.keys()
            and all(np.array_equal(self.postings[term], other.postings[term]) for term in self.postings)
        )


def read_content(folder):
    """Walk the index in `folder`, every term and every posting."""
    path = java_class("java.nio.file.Paths").get(str(folder))
    directory = java_class("org.apache.lucene.store.FSDirectory").open(path)
    reader = java_class("org.apache.lucene.index.DirectoryReader").open(directory)
    try:
        return _content(reader)
    finally:
        reader.close()
        directory.close()


def _content(reader):
    multi = java_class("org.apache.lucene.index.MultiTerms")
    every = java_class("org.apache.lucene.index.MultiDocValues")
    doc_values, norms = every.getBinaryValues(reader, "id"), every.getNormValues(reader, "contents")
    stored = reader.storedFields()
    ids, texts, values = [], {}, {}
    for number in range(reader.maxDoc()):
        document = stored.document(number)
        name = str(document.get("id"))
        ids.append(name)
        raw = document.get("raw")
        texts[name] = raw and json.loads(str(raw)).get("contents")
        assert doc_values.nextDoc() == number
        values[name] = (
            str(doc_values.binaryValue().utf8ToString()),
            norms.longValue() if norms.advanceExact(number) else None,
        )
    rank = np.empty(len(ids), np.int64)
    rank[np.argsort(ids)] = np.arange(len(ids))

    terms = multi.getTerms(reader, "contents")
    statistics = {
        "documents": reader.numDocs(),
        "with terms": terms.getDocCount(),
        "postings": terms.getSumDocFreq(),
        "impacts": terms.getSumTotalTermFreq(),
        "frequencies": terms.hasFreqs(),
        "positions": terms.hasPositions(),
        "offsets": terms.hasOffsets(),
        "ids": multi.getTerms(reader, "id").getDocCount(),
    }
    postings = {}
    cursor, frequencies = terms.iterator(), java_class("org.apache.lucene.index.PostingsEnum").FREQS
    while (term := cursor.next()) is not None:
        found = cursor.postings(None, frequencies)
        documents = [(found.nextDoc(), found.freq()) for _ in range(cursor.docFreq())]
        array = np.array(documents, np.int64)
        array[:, 0] = rank[array[:, 0]]
        postings[str(term.utf8ToString())] = array[np.argsort(array[:, 0])]
    return Content(texts, values, postings, statistics)
