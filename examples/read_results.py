"""Read a finished run: which heads know what, as a table and as a figure.

    python -m examples.read_results results/taxonomy/minilm --out my_figure.png

The cells, marked by `# %%`, also run one at a time in VS Code, Spyder and Jupytext, from the top folder of the
project.
"""

# %% What to read, from the top folder of the project
import argparse
import sys

import matplotlib.pyplot as plt
import pandas as pd

from pipeline.access import load_taxonomy

parser = argparse.ArgumentParser(prog="python -m examples.read_results", description="Draw the best head of a feature.")
parser.add_argument("folder", nargs="?", default="results/taxonomy/minilm", help="the taxonomy of a model")
parser.add_argument("--out", default="my_figure.png", help="the figure: .png, .pdf or .svg")
options = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook's arguments are not ours

# %% Load every table of the taxonomy, with its types
taxonomy = load_taxonomy(options.folder)
print(f"{len(taxonomy.heads)} heads, {taxonomy.scores['feature'].nunique()} features")
print(taxonomy.heads["label"].value_counts().to_string())

# %% What a column means
for column in ("share", "p_adjusted", "rung"):
    print(f"{column}: {taxonomy.schema['scores']['columns'][column]['description']}")

# %% Select: pairs of a head and a dataset in which the head knows more than every baseline
selective = taxonomy.assignments[taxonomy.assignments["rung"] >= 2]
print(f"{len(selective)} selective pairs, in {selective['name'].nunique()} heads")

# %% A small table: the best head of every feature
ranked = taxonomy.scores.sort_values(["share", "layer", "head"], ascending=[False, True, True])
best = ranked.drop_duplicates("feature").sort_values(["family", "feature"], ignore_index=True)
table = pd.DataFrame({
    "feature": best["feature"],
    "head": best["name"],
    "accuracy": best["accuracy"].map("{:.3f}".format),
    "largest class": best["majority"].map("{:.3f}".format),
    "rung": best["rung"],
})
print(table.to_string(index=False))

# %% A figure: its accuracy as a share of what the largest class leaves, with the interval
figure, axis = plt.subplots(figsize=(5, 0.8 + 0.25 * len(best)), layout="constrained")
reach = [best["share"] - best["share_low"], best["share_high"] - best["share"]]
axis.errorbar(best["share"], best.index, xerr=reach, fmt="o", markersize=4, color="#0072B2")
axis.axvline(0, color="grey", linewidth=1)
axis.set_yticks(best.index, labels=(best["feature"] + "  " + best["name"]).str.replace("$", r"\$"))
axis.set_ylim(len(best) - 0.5, -0.5)
axis.set_xlabel("share of what the largest class leaves")
figure.savefig(options.out, dpi=200)
print(f"{options.out}: written")
