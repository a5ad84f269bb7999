"""A run without what only training needs: the weights in bfloat16, to be carried to where export.py runs.

    python examples/train_embedded/slim.py --run run --out slim-run

evaluate.py and export.py read it as they read a run. export.py rounds to bfloat16 anyway.
"""

import argparse
import shutil
from pathlib import Path

import torch
from runs import CHECKPOINT, LOG, read_checkpoint


def slim(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same in bfloat16, but for the query table; tensors that share their memory still do."""
    halves = {tensor.data_ptr(): tensor.bfloat16() for tensor in weights.values()}
    return {
        name: tensor if name == "table_parameter" else halves[tensor.data_ptr()] for name, tensor in weights.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="the run of train.py")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    arguments = parser.parse_args()
    kept = read_checkpoint(arguments.run / CHECKPOINT)
    arguments.out.mkdir(parents=True)
    content = {"model": slim(kept["model"]), "step": kept["step"], "settings": kept["settings"]}
    torch.save(content, arguments.out / CHECKPOINT)
    shutil.copy(arguments.run / LOG, arguments.out)
    print(f"{arguments.out / CHECKPOINT}: {(arguments.out / CHECKPOINT).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
