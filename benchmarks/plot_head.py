"""Draw what benchmarks/head.py stored: every method's time at every shape, in multiples of cuBLAS's.

python benchmarks/plot_head.py benchmarks/results/head-h100.json docs/head-h100.svg
"""

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
from matplotlib import pyplot as plt

CUBLAS = "cuBLAS, no reduction"
# Legible for the colour-blind too; ours stand out.
COLOURS = {"eager": "#b8b8b8", "eager, max first": "#999999", "torch.compile": "#777777", CUBLAS: "#4a4a4a"}
OURS = "#c8553d"


def title_of(shape: str) -> str:
    """As "[64, 512, 768] × 30,522"."""
    *hidden, vocabulary = map(int, shape.split("x"))
    return f"{hidden} × {vocabulary:,}"


def draw(result: dict) -> plt.Figure:
    """One panel a shape, one bar a method, with its milliseconds."""
    shapes = result["shapes"]
    figure, panels = plt.subplots(-(-len(shapes) // 2), 2, figsize=(10, 5.6), sharex=True, sharey=True, squeeze=False)
    for panel in panels.flat[len(shapes) :]:
        panel.set_axis_off()
    for panel, (shape, rows) in zip(panels.flat, shapes.items(), strict=False):
        names = list(rows)
        base = rows[CUBLAS]["ms"]
        for position, name in enumerate(names):
            row = rows[name]
            multiple = 0 if "error" in row else row["ms"] / base
            label = row.get("error") or f"{row['ms']:.2f} ms"
            panel.barh(position, multiple, color=COLOURS.get(name, OURS), height=0.72)
            panel.text(multiple + 0.06, position, label, va="center", fontsize=8.5)
        panel.axvline(1, color=COLOURS[CUBLAS], linewidth=0.8, linestyle=":")
        panel.set_title(title_of(shape), fontsize=10, loc="left")
        panel.set_yticks(range(len(names)), names, fontsize=8.5)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(left=False, labelsize=8.5)
    panels[0, 0].invert_yaxis()
    panels[0, 0].set_xlim(0, panels[0, 0].get_xlim()[1] * 1.13)
    what = "time, in multiples of what cuBLAS takes to write the logits (shorter is better)"
    figure.supxlabel(f"{what}; {result['gpu']}, bfloat16", fontsize=9)
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("image", type=Path)
    arguments = parser.parse_args()
    # Text stays text, and the same results give the same bytes.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sparton", "font.family": "sans-serif"})
    metadata = {"Date": None} if arguments.image.suffix == ".svg" else None
    draw(json.loads(arguments.results.read_text())).savefig(arguments.image, facecolor="white", metadata=metadata)


if __name__ == "__main__":
    main()
