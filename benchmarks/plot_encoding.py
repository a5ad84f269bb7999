"""Draw how many documents a second each way encodes on one H100, from benchmarks/results.

python benchmarks/plot_encoding.py docs/encoding-speed.svg
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

RESULTS = Path(__file__).parent / "results"
OURS, OTHERS = "#c8553d", "#999999"


def bars() -> list[tuple[str, float, str]]:
    """A name, documents a second and a colour for each way."""
    plain, eight = (json.loads((RESULTS / f"encoding-h100{end}.json").read_text()) for end in ("", "-float8"))
    best = max(plain["sentence-transformers"].values(), key=lambda row: row["documents/s"])
    return [
        ("sentence-transformers, best batch", best["documents/s"], OTHERS),
        ("Sparton, bfloat16", plain["sparton"]["documents/s"], OURS),
        ("Sparton, 8-bit floats", eight["sparton"]["documents/s"], OURS),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path)
    # Text stays text, and the same results give the same bytes.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sparton", "font.family": "sans-serif"})
    figure, axes = plt.subplots(figsize=(8, 2.2))
    for position, (_, speed, colour) in enumerate(bars()):
        axes.barh(position, speed, color=colour, height=0.7)
        axes.text(speed + 200, position, f"{speed:,.0f}", va="center", fontsize=9)
    axes.set_yticks(range(3), [name for name, _, _ in bars()], fontsize=9)
    axes.invert_yaxis()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlim(0, max(speed for _, speed, _ in bars()) * 1.12)
    axes.set_xlabel("documents a second on one H100, BERT-base, 75 tokens each (more is better)", fontsize=9)
    figure.tight_layout()
    figure.savefig(parser.parse_args().image, facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
