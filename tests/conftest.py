"""What every test shares: no network, and one thread."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
# The problems here are so small that handing them round costs more than solving them; torch reads it when imported.
os.environ["OMP_NUM_THREADS"] = "1"
# As the extract stage sets it: what runs in this process and what runs as a process of its own give the same bytes.
os.environ["MKL_CBWR"] = "AUTO,STRICT"
