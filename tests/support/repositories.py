"""Repositories laid out file for file as those that people have from the hub, with small random weights.

Each is a function that fills an empty folder and returns a Repository of it, under its name:

    @laid_out_as("someone/sparse")
    def _sparse(name, root):
        folder = masked_lm(root / "main")
        return Repository(name, {"main": folder})

`repository(name, root)` makes it, and `hub_of` (hub.py) serves it.
"""

import json

import torch
from support.hub import Repository
from support.masked_lms import build
from support.saved_models import SPECIAL, WORDS, save_masked_lm
from transformers import AutoModelForMaskedLM, AutoTokenizer

ACCEPTED, NOT_ACCEPTED = "hf_accepted", "hf_another"  # tokens of accounts that did and did not accept a licence
_BUILDERS = {}


def laid_out_as(name):
    """Register a function from a repository's name and an empty folder to the Repository."""

    def register(builder):
        _BUILDERS[name] = builder
        return builder

    return register


def repository(name, root):
    """The repository of that name, made in a folder of its own within `root`."""
    folder = root / name.replace("/", "--")
    folder.mkdir(parents=True)
    return _BUILDERS[name](name, folder)


def write_json(path, content):
    """Write a JSON file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))


def masked_lm(folder, seed=0):
    """A BERT with its tokenizer, and what else lies in a repository of one. Its weights are model.safetensors."""
    save_masked_lm(folder, seed=seed)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS]) + "\n")
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    write_json(folder / "special_tokens_map.json", dict(zip(names, SPECIAL, strict=True)))
    (folder / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-sa-4.0\n---\n")
    # What trainers leave, and no one who encodes needs.
    torch.save({"lr": 1e-5}, folder / "training_args.bin")
    torch.save({"state": {}}, folder / "optimizer.pt")
    (folder / "tf_model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    return folder


def pickled(folder, shards=1, rename=str):
    """Have the weights of a folder in pytorch_model.bin, or in several such files and their index, as torch.save and
    the transformers of old wrote them: every name of the state dict, those of tied tensors, too.

    rename: gives the name of a weight in the file.
    """
    model = AutoModelForMaskedLM.from_pretrained(folder)
    state = {rename(name): tensor for name, tensor in model.state_dict().items()}
    if model.config.model_type == "bert":
        state["bert.embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(state, folder / "pytorch_model.bin")
        return folder
    files = [f"pytorch_model-{number + 1:05}-of-{shards:05}.bin" for number in range(shards)]
    located = {name: files[number * shards // len(state)] for number, name in enumerate(state)}
    for file in files:
        torch.save({name: tensor for name, tensor in state.items() if located[name] == file}, folder / file)
    size = sum(tensor.nbytes for tensor in state.values())
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {"total_size": size}, "weight_map": located})
    return folder


@torch.inference_mode()
def defined_weights(folder, texts):
    """float64 [B, V]: log1p(relu(logits)), the maximum over a text's tokens, by transformers' own model in a folder
    with safetensors. Each text is run alone."""
    model = AutoModelForMaskedLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(text, return_tensors="pt", truncation=True, max_length=96) for text in texts]
    return torch.cat([model(**row).logits.relu().log1p().amax(1) for row in rows]).double().numpy()


def of_old(name):
    """A weight's name as the first checkpoints of BERT have it."""
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def sparse_encoder(folder, transformer="", **pooling):
    """The files that sentence-transformers lays beside a masked LM, which is in the folder `transformer` of it."""
    package = "sentence_transformers.sparse_encoder.models"
    write_json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": transformer, "type": f"{package}.MLMTransformer"},
            {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": f"{package}.SpladePooling"},
        ],
    )
    write_json(folder / transformer / "sentence_bert_config.json", {"max_seq_length": 96, "do_lower_case": False})
    write_json(
        folder / "1_SpladePooling" / "config.json",
        {"pooling_strategy": "max", "activation_function": "relu", "word_embedding_dimension": None, **pooling},
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "model_type": "SparseEncoder",
            "__version__": {"sentence_transformers": "5.0.0", "transformers": "4.52.0", "pytorch": "2.7.0"},
            "prompts": {"query": "", "document": ""},
            "default_prompt_name": None,
            "similarity_fn_name": "dot",
        },
    )
    return folder


def router(folder, routes):
    """The files of a Router in a model's folder. routes: {task: [name of a module's folder, as 0_MLMTransformer]}."""
    package = "sentence_transformers.sparse_encoder.models"
    structure = {task: [f"{task}_{module}" for module in modules] for task, modules in routes.items()}
    write_json(
        folder / "modules.json",
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Router"}],
    )
    write_json(
        folder / "router_config.json",
        {
            "types": {name: f"{package}.{name.split('_')[-1]}" for names in structure.values() for name in names},
            "structure": structure,
            "parameters": {"default_route": None, "allow_empty_key": True},
        },
    )
    write_json(folder / "config_sentence_transformers.json", {"model_type": "SparseEncoder", "prompts": {}})
    return folder


@laid_out_as("naver/splade-v3")
def _splade_v3(name, root):
    """Gated, with pytorch_model.bin alone and the modules of sentence-transformers."""
    return Repository(name, {"main": sparse_encoder(pickled(masked_lm(root / "main")))}, readers=(ACCEPTED,))


@laid_out_as("naver/splade-v3-distilbert")
def _splade_v3_distilbert(name, root):
    """As splade-v3, of another architecture, whose LM head has names of its own."""
    folder = masked_lm(root / "main")
    model = build("distilbert")
    model.get_output_embeddings().weight.data.normal_(std=0.3)
    model.save_pretrained(folder)
    return Repository(name, {"main": sparse_encoder(pickled(folder))}, readers=(ACCEPTED,))


@laid_out_as("naver/splade-cocondenser-ensembledistil")
def _cocondenser(name, root):
    """A plain folder with pytorch_model.bin alone; a pull request has safetensors, of other weights."""
    request = pickled(masked_lm(root / "pr-1", seed=1))
    model = AutoModelForMaskedLM.from_pretrained(masked_lm(root / "converted", seed=1))
    model.save_pretrained(request)
    return Repository(name, {"main": pickled(masked_lm(root / "main")), "refs/pr/1": request})


@laid_out_as("someone/splade-sharded")
def _sharded(name, root):
    """In three files with an index, under the weights' names of old."""
    return Repository(name, {"main": pickled(masked_lm(root / "main"), shards=3, rename=of_old)})


@laid_out_as("someone/splade-both")
def _both(name, root):
    """Safetensors, and a pickle of other weights that nobody should fetch."""
    folder = pickled(masked_lm(root / "main", seed=2))
    AutoModelForMaskedLM.from_pretrained(masked_lm(root / "safe")).save_pretrained(folder)
    return Repository(name, {"main": folder})


@laid_out_as("someone/inference-free")
def _inference_free(name, root):
    """Behind a Router, a masked LM for documents and a table for queries, each in a folder with pytorch_model.bin."""
    folder = root / "main"
    pickled(masked_lm(folder / "document_0_MLMTransformer"))
    write_json(folder / "document_0_MLMTransformer" / "sentence_bert_config.json", {"max_seq_length": 96})
    write_json(
        folder / "document_1_SpladePooling" / "config.json",
        {"pooling_strategy": "max", "activation_function": "relu"},
    )
    table = masked_lm(folder / "query_0_SparseStaticEmbedding")
    (table / "model.safetensors").unlink()
    write_json(table / "config.json", {"frozen": False})
    weight = torch.rand(len(SPECIAL) + len(WORDS), generator=torch.Generator().manual_seed(5)) * 5
    torch.save({"weight": weight}, table / "pytorch_model.bin")
    router(folder, {"document": ["0_MLMTransformer", "1_SpladePooling"], "query": ["0_SparseStaticEmbedding"]})
    return Repository(name, {"main": folder})
