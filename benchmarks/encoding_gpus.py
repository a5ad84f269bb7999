"""Text in Parquet to JsonVectorCollection on disk, on one GPU and on several of the same machine.

    python benchmarks/encoding_gpus.py --documents 600000 [--out FILE.json]

The model and the documents of benchmarks/encoding.py. Every run is a process of its own that has encoded nothing
before, so that one GPU has no advantage by being warm; they take turns, and each one's files are held against the
first one's. Start-up and the model's loading are left out of the documents a second, and told.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from encoding import make_model, ours, texts

from head import hardware


def digest(folder: Path) -> str:
    """Of all files of a folder, by name."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def run(work: Path, device: str, dtype: str) -> dict[str, object]:
    """One run, in a process of its own, in a folder of its own within `work`."""
    command = [sys.executable, __file__, "--run", str(work), "--devices", device, "--dtype", dtype]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=600_000)
    parser.add_argument("--devices", nargs="+", default=["cuda:0", "all"], help="as `--device` of `sparton encode`")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--tokenizer", type=Path, help="folder of a BERT tokenizer [default: tiny's]")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.run:
        with tempfile.TemporaryDirectory(dir=arguments.run) as folder:
            corpus, model = arguments.run / "corpus.parquet", arguments.run / "model"
            found = ours(corpus, model, Path(folder), arguments.devices[0], "local", arguments.dtype)
            print(json.dumps({**found, "sha256": digest(Path(folder) / "index" / "collection")}))
        return
    tokenizer = arguments.tokenizer
    if tokenizer is None:
        from sparton.pipeline.model.files import find_model

        tokenizer = find_model("tiny").folder
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        make_model(work / "model", tokenizer)
        sample = list(texts(arguments.documents, tokenizer))
        pq.write_table(pa.table({"id": [f"d{i}" for i in range(len(sample))], "text": sample}), work / "corpus.parquet")
        runs: dict[str, list[dict[str, object]]] = {device: [] for device in arguments.devices}
        for _ in range(arguments.rounds):
            for device in arguments.devices:
                runs[device].append(run(work, device, arguments.dtype))
                print(f"{device:10} {runs[device][-1]['documents/s']:10,.0f} documents/s", flush=True)
    same = len({one["sha256"] for some in runs.values() for one in some}) == 1
    best = {device: max(float(str(one["documents/s"])) for one in some) for device, some in runs.items()}
    first = arguments.devices[0]
    ratios = {f"{device} / {first}": best[device] / best[first] for device in arguments.devices[1:]}
    print(
        "the same files" if same else "OTHER FILES", ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    )
    result = {**hardware(), "gpus": torch.cuda.device_count(), "documents": arguments.documents}
    result |= {"dtype": arguments.dtype, "same files": same, "runs": runs, "ratios": ratios}
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
