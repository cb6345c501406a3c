"""The error that names what is wrong with the numbers given to a probe."""


class ProbeError(ValueError):
    """Arrays, labels or tables that cannot be probed: says where, what was given, what is allowed and the way out."""
