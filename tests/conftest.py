"""What every test shares: no network, one thread, made-up inputs that recur, and which files are begun first."""

import os

import pytest
from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"
# The problems here are so small that handing them round costs more than solving them; torch reads it when imported.
os.environ["OMP_NUM_THREADS"] = "1"
# As the extract stage sets it: what runs in this process and what runs as a process of its own give the same bytes.
os.environ["MKL_CBWR"] = "AUTO,STRICT"

# The same inputs in every run, and no limit on the time of one: what another program does to it is no fault.
SLOW = [HealthCheck.too_slow]
settings.register_profile("recurring", derandomize=True, deadline=None, database=None, suppress_health_check=SLOW)
settings.load_profile("recurring")

# Begun before the others: who takes one of these last works alone while the rest have nothing to do.
LONGEST = ("test_graph.py", "test_planted.py", "test_null_calibration.py", "test_shared.py", "test_resume.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
