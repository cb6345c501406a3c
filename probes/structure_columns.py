"""What the columns of the tables of structure and of comparison are."""

DEPTH = {
    "depth": "place of the layer in its stack, 0 the first with heads, 1 the last",
    "band": "third of the stack: shallow, middle or deep",
}
STACK = {"attention": "stack of the layer: self; in an encoder-decoder encoder, decoder or cross"}
HOLDING = {
    "n_holding": "heads that hold a feature of the family: on the rung asked for (2 unless told otherwise) or above",
    "holding": "n_holding / n_heads",
    "holding_low": "lower end of its Wilson interval over heads",
    "holding_high": "upper end of its Wilson interval over heads",
}
SHARE = "(accuracy - majority) / (1 - majority)"
NEAREST = {
    "name": "head, such as L3H7",
    "nearest": "another head",
    "rank": "1 for the most alike",
    "similarity": "correlation of the two profiles of shares, features centred over heads, -1 to 1",
}
CLUSTERS = {
    "name": "head, such as L3H7",
    "cluster": "from 1, along the leaves of the tree",
    "silhouette": "how much nearer a head is to its own cluster than to the next, -1 to 1",
}
SILHOUETTES = {"n_clusters": "where the tree is cut", "silhouette": "mean over heads"}
LINKAGE = {
    "left": "row of the head, or number of heads + row of an earlier merge",
    "right": "as left",
    "distance": "1 - mean similarity between the two sides",
    "size": "heads below",
}
LAYERS = {
    "family": "of the features",
    **STACK,
    "layer": "0-based",
    **DEPTH,
    "n_heads": "heads of the layer",
    "n_features": "features of the family",
    "share": f"mean of {SHARE} over heads and features",
    "share_low": "lower end of its interval over features x heads; empty with one feature",
    "share_high": "upper end of its interval over features x heads; empty with one feature",
    "shift": "share - mean over the layers of the stack",
    "shift_low": "lower end of its interval, paired by feature; empty with one feature",
    "shift_high": "upper end of its interval, paired by feature; empty with one feature",
    **HOLDING,
}
FAMILY_SHARES = {
    "name": "head, such as L3H7",
    "family": "of the features",
    "share": f"mean of {SHARE} over the family's features",
    "holds": "whether the head is on the rung asked for, or above, for a feature of the family",
}
BANDS = {
    "family": "of the features",
    "model": "slug of the model",
    **STACK,
    "band": DEPTH["band"],
    "n_heads": "heads of the band",
    **HOLDING,
}
AGREEMENT = {
    "family": "of the features",
    "model": "slug of one model",
    **STACK,
    "other": "slug of the other model",
    "other_attention": "its stack",
    "n_points": "depths compared: those of the stack with fewer layers",
    "correlation": "Spearman's, of the two layer profiles; empty with fewer than 3 points or a constant profile",
}
BEST = {
    "feature": "what the labels say",
    "family": "of the feature",
    "model": "slug of the model",
    **STACK,
    "name": "the model's head with the largest share: the best of many, so too high by the winner's luck",
    "depth": DEPTH["depth"],
    "dataset": "where it has it",
    "share": SHARE,
    "share_low": "lower end of the head's own interval",
    "share_high": "upper end of the head's own interval",
    "rung": "rung of the head on that dataset",
}
SET_COLUMNS = {
    "size": "heads in the set",
    "accuracy": "out-of-fold accuracy of the joint probe of the heads chosen greedily without the test fold",
    "accuracy_low": "lower end of its cluster-bootstrap interval",
    "accuracy_high": "upper end of its cluster-bootstrap interval",
    "random_mean": "mean accuracy of random sets of the same size",
    "random_low": "accuracy of the worst of them",
    "random_high": "accuracy of the best of them",
    "beats": "share of the random sets whose accuracy is lower",
    "margin_single": "accuracy - that of the best single head, chosen likewise; paired by example",
    "margin_single_low": "lower end of its paired cluster-bootstrap interval",
    "margin_single_high": "upper end of its paired cluster-bootstrap interval",
}
CHOSEN_COLUMNS = {
    "fold": "test fold that the choice is for",
    "step": "1 for the first head chosen",
    "layer": "0-based",
    "head": "0-based",
    "loss": "log-loss on the fold that chose, nats; of the screened step between sizes, else of the joint probe",
    "c": "inverse penalty C of the joint probe",
}
