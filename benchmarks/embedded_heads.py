"""What either head and larger batches make of the embedded model's recipe: a summary of runs of train.py.

    python benchmarks/embedded_heads.py runs/* --out results.json

A run is a folder of examples/train_embedded/train.py with `--evaluate-every` a fifth of its steps. Of those that differ
in the seed alone the mean and the spread are taken. A run that did not come to its end counts at four fifths, where it
was evaluated, and not at the end. With the same seed both heads see the same batches, so their KL is compared step by
step as well.
"""

import argparse
import itertools
import json
import statistics
from pathlib import Path
from typing import Any

import torch
import transformers

from head import hardware
from sparton.errors import SpartonError

DEFAULT_RATE = 2e-4
_KEPT = ("loss", "kl", "contrast", "terms")
_VARIED = ("batch", "steps", "seed", "rate", "table_rate")
_LINES = 12  # of a run's log that are stored
_NOTE = (
    "nDCG@10: of the development queries on the small collection, macro over 12 sources; framed: with words of a "
    "request around each; spread: largest less smallest of the seeds; seconds: the median step; peak GiB: most memory "
    "allocated in a step"
)
Values = dict[str, Any]


def seconds_a_step(lines: list[Values]) -> float:
    """The median over the log's lines of steps, between which nothing was evaluated."""
    couples = [(a, b) for a, b in itertools.pairwise(lines) if "loss" in a and "loss" in b]
    return statistics.median((b["seconds"] - a["seconds"]) / (b["step"] - a["step"]) for a, b in couples)


def thinned(lines: list[Values]) -> list[Values]:
    """Some lines of equal distance, and the last."""
    kept = [*lines[: -1 : max(1, len(lines) // _LINES)], lines[-1]]
    return [{"step": line["step"], **{name: round(line[name], 4) for name in _KEPT}} for line in kept]


def found_by(line: Values) -> Values:
    """What an evaluation says."""
    return {
        "nDCG@10": line["ndcg"],
        "nDCG@10 framed": line["ndcg_framed"],
        "terms a passage": line["development_terms"],
    }


class Finished:
    """A run: what is stored of it, its other settings, and the KL by step. Raises SpartonError without evaluations."""

    def __init__(self, folder: Path) -> None:
        settings = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)["settings"]
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
        losses, evaluated = ([line for line in lines if name in line] for name in ("loss", "ndcg"))
        by_end = {line["step"] + 1: line for line in evaluated}
        steps = settings["steps"]
        if steps * 4 // 5 not in by_end:
            raise SpartonError(f"{folder} was not evaluated at four fifths of its {steps} steps; train it for longer")
        self.others = {name: value for name, value in settings.items() if name not in (*_VARIED, "plain_head")}
        self.kl = {line["step"]: line["kl"] for line in losses if line["step"] >= steps // 20}
        self.stored: Values = {
            "head": "plain" if settings["plain_head"] else "fused",
            **{name: settings[name] for name in _VARIED},
            "steps done": steps if steps in by_end else losses[-1]["step"],
            **(found_by(by_end[steps]) if steps in by_end else {}),
            "nDCG@10 at four fifths": by_end[steps * 4 // 5]["ndcg"],
            "seconds a step": seconds_a_step(lines),
            "peak GiB": max(line["peak_gib"] for line in losses),
            "development": [
                {"step": line["step"], **{name: round(value, 4) for name, value in found_by(line).items()}}
                for line in evaluated
            ],
            "losses": thinned(losses),
        }

    def name(self) -> str:
        """The same for runs that differ in the seed alone."""
        rate = self.stored["rate"] / DEFAULT_RATE
        told = "" if rate == 1 else f", rates times {rate:.2g}"
        return f"{self.stored['head']}, {self.stored['steps']:,} steps of {self.stored['batch']}{told}"


def spread(found: list[float]) -> float | None:
    """The largest less the smallest; None of one value."""
    return max(found) - min(found) if len(found) > 1 else None


def together(runs: list[Finished]) -> Values:
    """Mean and spread of runs that differ in the seed."""
    stored = [run.stored for run in runs]
    ended, early = [run for run in stored if "nDCG@10" in run], [run["nDCG@10 at four fifths"] for run in stored]
    found = [run["nDCG@10"] for run in ended]
    seconds = statistics.mean(run["seconds a step"] for run in stored)
    return {
        "seeds": len(ended),
        **{name: statistics.mean(run[name] for run in ended) for name in ("nDCG@10", "nDCG@10 framed")},
        "spread": spread(found),
        "terms a passage": statistics.mean(run["terms a passage"] for run in ended),
        "seeds at four fifths": len(early),
        "nDCG@10 at four fifths": statistics.mean(early),
        "spread at four fifths": spread(early),
        "seconds a step": seconds,
        "seconds": seconds * stored[0]["steps"],
        "peak GiB": max(run["peak GiB"] for run in stored),
    }


def compared(groups: dict[str, list[Finished]]) -> Values:
    """Fused over plain, where both had the same steps: time, memory, and KL at the same step of the same seed."""
    result = {}
    for name, plain in groups.items():
        fused = groups.get(name.replace("plain", "fused"), []) if name.startswith("plain") else []
        pairs = [(a.kl, b.kl) for a in plain for b in fused if a.stored["seed"] == b.stored["seed"]]
        changes = [b[step] / a[step] - 1 for a, b in pairs for step in sorted(a.keys() & b.keys())]
        if len(changes) < 2:
            continue
        times, peaks = ([together(some)[key] for some in (plain, fused)] for key in ("seconds a step", "peak GiB"))
        result[name.removeprefix("plain, ")] = {
            "seconds a step": times[1] / times[0],
            "peak GiB": peaks[1] / peaks[0],
            "kl, mean change": statistics.mean(changes),
            "kl, standard error": statistics.stdev(changes) / len(changes) ** 0.5,
            "steps compared": len(changes),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--machine", type=Path, help="JSON with the GPU and the versions of runs on another machine")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    here = {} if arguments.machine else {**hardware(), "transformers": transformers.__version__}
    machine = json.loads(arguments.machine.read_text(encoding="utf-8")) if arguments.machine else here
    order = ("batch", "steps", "rate", "head", "seed")
    runs = sorted((Finished(run) for run in arguments.runs), key=lambda run: [run.stored[name] for name in order])
    if any(run.others != runs[0].others for run in runs):
        raise SpartonError("the runs differ in more than head, batch, steps, seed and rates; leave some out")
    groups: dict[str, list[Finished]] = {}
    for run in runs:
        groups.setdefault(run.name(), []).append(run)
    result = {
        **machine,
        "note": _NOTE,
        "settings": runs[0].others,
        "found": {name: together(some) for name, some in groups.items()},
        "fused over plain": compared(groups),
        "runs": [run.stored for run in runs],
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, entry in (result["found"] | result["fused over plain"]).items():
        print(f"{name:42}" + "  ".join(f"{key} {value:.4g}" for key, value in entry.items() if value is not None))


if __name__ == "__main__":
    main()
