"""What every test shares: no network, and nothing else."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
