"""The families of features, in the order in which they are listed."""

FAMILIES = ("structural", "syntactic", "semantic", "factual", "truth", "expression")
