"""A hub's local cache that another tool filled in part: the rest is fetched, or named where no hub is reached."""

import logging
import re
from contextlib import contextmanager

import pytest
from support.hub import COMMIT, hub_of, user_of
from support.repositories import repository

import sparton
from sparton.errors import SpartonError
from sparton.pipeline.model.files import find_model, find_recorded_model
from sparton.pipeline.model.recorded import recorded_queries
from sparton.storage.manifest import ModelSource

pytestmark = pytest.mark.slow

NAME = "naver/splade-v3-distilbert"
TOKENIZER = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    made = repository(NAME, tmp_path_factory.mktemp("hub"))
    open_to_all = type(made)(made.name, made.folders)
    with hub_of(open_to_all) as (address, requests):
        yield address, requests, find_model(str(made.folders["main"])).digest


@contextmanager
def offline(home):
    """As user_of, without a hub that could be reached."""
    from huggingface_hub import constants

    with user_of("http://127.0.0.1:9", home), pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        yield


def by_file(*names):
    """As transformers fetches: a file at a time, so that nothing says what else there is."""

    def fetch():
        from huggingface_hub import hf_hub_download

        for name in names:
            hf_hub_download(NAME, name, revision=COMMIT)

    return fetch


def by_pattern(*patterns):
    """By the hub's own function, which keeps a listing of the whole repository."""

    def fetch():
        from huggingface_hub import snapshot_download

        snapshot_download(NAME, revision=COMMIT, allow_patterns=list(patterns))

    return fetch


PARTS = {
    "config": by_file("config.json"),
    "tokenizer": by_file(*TOKENIZER),
    "all but modules": by_file("config.json", "pytorch_model.bin", *TOKENIZER),
    "config with a listing": by_pattern("config.json"),
    "weights with a listing": by_pattern("*.bin", "config.json"),
    "top folder with a listing": by_pattern("*.json", "*.txt", "pytorch_model.bin"),
}


@pytest.mark.parametrize("fetch", PARTS.values(), ids=PARTS)
def test_the_rest_of_a_commit_is_fetched(served, tmp_path, fetch):
    address, requests, digest = served
    with user_of(address, tmp_path):
        fetch()
        files = find_model(NAME, COMMIT)
        assert (files.digest, files.revision, files.documents.pooling) == (digest, COMMIT, "max")
        assert files.documents.max_length == 96  # of sentence_bert_config.json
        requests.clear()
        assert find_model(NAME, COMMIT).digest == digest
        assert find_recorded_model(ModelSource(NAME, COMMIT), tmp_path).digest == digest
    assert requests == []


@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_what_is_missing_is_named_where_the_hub_is_not_reached(served, tmp_path, revision):
    address, _, _ = served
    with user_of(address, tmp_path):
        from huggingface_hub import snapshot_download

        snapshot_download(NAME, revision=revision, allow_patterns=["*.bin", "config.json", "modules.json", "[t1v]*"])
    missing = "config_sentence_transformers.json, sentence_bert_config.json, special_tokens_map.json"
    with offline(tmp_path), pytest.raises(SpartonError) as caught:
        find_model(NAME, revision)
    assert str(caught.value) == (
        f"the model '{NAME}' is in the local cache at revision {COMMIT} without {missing}, and the hub did not give "
        "the rest; run again when the hub can be reached"
    )
    with user_of(address, tmp_path), pytest.raises(SpartonError) as caught:
        find_recorded_model(ModelSource(NAME, COMMIT), tmp_path)
    assert str(caught.value) == (
        f"the index names the model {NAME} at revision {COMMIT}, which is in the local hub cache at revision {COMMIT} "
        f"without {missing}, and what only an index names is not fetched; pass model='{NAME}' to fetch it, or model "
        "with a folder"
    )


@pytest.mark.parametrize(
    ("fetch", "sentence"),
    [
        (by_file("config.json"), f"the model {NAME} has no weights that can be read (found: none)"),
        (by_file("config.json", "pytorch_model.bin"), None),
        (by_file(*TOKENIZER), f"the model {NAME} has no weights that can be read (found: none)"),
    ],
)
def test_without_a_listing_it_is_told_that_there_may_be_more(served, tmp_path, caplog, fetch, sentence):
    address, _, digest = served
    with user_of(address, tmp_path):
        fetch()
    with offline(tmp_path), caplog.at_level(logging.WARNING, "sparton"):
        if sentence is None:
            assert find_model(NAME, COMMIT).digest != digest
        else:
            with pytest.raises(SpartonError, match=re.escape(sentence)):
                find_model(NAME, COMMIT)
    assert caplog.messages == [
        f"the hub cannot be reached, and whether all of the model {NAME} is in the local cache is not known there; "
        "what another tool fetched of it may be a part"
    ]


def test_a_part_without_a_listing_is_not_the_model_of_an_index(served, tmp_path):
    address, _, digest = served
    with user_of(address, tmp_path / "whole"):
        settings = sparton.Encoder(NAME, revision=COMMIT, device="cpu").settings
    with user_of(address, tmp_path / "part"):
        by_file("config.json", "pytorch_model.bin", "tokenizer.json", "vocab.txt")()
        part = find_recorded_model(ModelSource(NAME, COMMIT), tmp_path)
        with pytest.raises(SpartonError) as caught:
            recorded_queries(settings)
        assert str(caught.value) == (
            f"the model {NAME} at revision {COMMIT} is in the local hub cache with other files than the index was made "
            f"with (their digest was {digest[:15]} and is {part.digest[:15]}), so some may be missing; pass "
            f"model='{NAME}' to fetch them"
        )
        assert recorded_queries(settings, model=NAME)[0].digest == digest
