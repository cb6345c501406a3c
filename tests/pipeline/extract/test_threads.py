"""The same bytes whatever the number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A model wide enough that MKL shares its products out, in shapes of which some differ between threads if left alone
SCRIPT = """
import sys, torch
from transformers import BertConfig, BertModel
from pipeline.errors import PipelineError
from pipeline.stages import extract

try:
    extract.main(["no_model", "no_dataset"])  # there are no params here: it ends before it computes
except PipelineError as error:
    assert "params.yaml: no such file" in str(error)
from pipeline.heads import capture
from pipeline.models import wrap_model
from pipeline.reader import Batch

config = BertConfig(num_hidden_layers=2, hidden_size=384, num_attention_heads=12, intermediate_size=1536, vocab_size=99)
torch.manual_seed(0)
model, differing = wrap_model(BertModel(config), "wide"), 0
for n_texts in (1, 2, 3, 5, 8, 13, 21):
    for length in (3, 5, 9, 14):
        read = torch.full((n_texts,), length - 2)
        batch = Batch(torch.randint(99, (n_texts, length)).tolist(), torch.arange(n_texts), read, read)
        rows = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            rows.append(capture(model, batch))
        differing += not all(torch.equal(rows[0], other) for other in rows[1:])
print(differing)
"""


@pytest.mark.slow
def test_no_byte_depends_on_the_number_of_threads(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
