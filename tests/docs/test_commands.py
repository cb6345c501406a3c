"""Every command of the documentation is one that works: each is run by CI or by a test, or parsed by what would run it.

`PROOF` says for each command what proves it. What needs a network, a GPU, a cluster, SLURM or hours is parsed alone, by
the real parser, and says why.
"""

import argparse
import importlib
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from dvc.cli import parse_args

from tests.docs import pages

CI = "a line of .ci/run"
TOY = "run by tests/docs/test_dvc_commands.py"
TUTORIAL = "run by tests/docs/test_tutorial.py"
BENCHMARK = "minutes to hours, run by hand: "
CLUSTER = "needs several GPUs or machines: "
HUB = "needs the hub: "
SHELL = "a word of the shell"

PROOF = {
    "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make repro": "needs a network: another index of pip",
    "cp published/jo_myaeng/params.yaml params.yaml": SHELL,
    "done": SHELL,
    "dvc checkout": TOY,
    "dvc commit": TOY,
    "dvc commit --force extract@llama-sentiment": TOY,
    "dvc dag": TOY,
    "dvc exp apply NAME": "names an experiment, which is there after one: parsed",
    "dvc exp run": TOY,
    "dvc exp run -S '+models.mine.source=../checkpoints/mine'": TOY,
    "dvc exp run -S probe.deals=0 -S probe.controls=1": "parsed; with another number it is run there",
    "dvc exp run -S probe.permutations=5000": "parsed; with another number it is run there",
    "dvc exp run -S taxonomy.alpha=0.01": TOY,
    "dvc exp show --only-changed --drop '.*/'": TOY,
    "dvc metrics diff": TOY,
    "dvc metrics diff --targets results/metrics.json": TOY,
    "dvc metrics show": TOY,
    "dvc plots show": TOY,
    "dvc pull": "needs a remote: parsed",
    "dvc repro": TOY,
    "dvc repro --force": "runs every stage anew: parsed",
    "dvc repro probe@bert-senteval_${task}_cls probe@gpt2-senteval_${task}_last": HUB
    + "parsed, and the specs are there",
    "dvc repro examples@sentiment": TOY,
    "dvc repro probe@llama-sentiment": "parsed; of another model it is run there",
    "dvc repro probe@minilm-reviews": TOY,
    "dvc status": TOY,
    "for task in sentence_length word_content tree_depth top_constituents bigram_shift past_present subj_number "
    "obj_number odd_man_out coordination_inversion; do": SHELL,
    "git checkout .": TOY,
    "git commit": SHELL,
    "git ls-remote https://huggingface.co/openai-community/gpt2 HEAD": HUB + "prints the commit of a model",
    "make .venv/.ready": CI,
    "dvc repro --force --single-item report": TOY,
    "make release": "run as `python -m pipeline.release` by tests/pipeline/report/test_release.py",
    "make repro": CI,
    "make repro JOBS=1": "CI runs two jobs; `pipeline.abreast` is run with one by tests/test_graph.py",
    "make repro PYTHON=python3.12": "names a Python that may not be there: make reads it",
    "make test": CI,
    "pip install -e '.[bench]'": "needs a network: the extra is in pyproject.toml",
    "python make_table.py": TUTORIAL,
    "python -m benchmarks.extract": BENCHMARK + "parsed",
    "python -m benchmarks.intervals": BENCHMARK + "parsed",
    "python -m benchmarks.memory": BENCHMARK + "parsed",
    "python -m benchmarks.null": BENCHMARK + "parsed",
    "python -m benchmarks.probe": BENCHMARK + "parsed",
    "python -m benchmarks.startup": BENCHMARK + "parsed",
    "python -m benchmarks.transfer": BENCHMARK + "its own text names it",
    "python -m benchmarks.untrained 5": BENCHMARK + "its own text names it",
    "python -m data.check data/specs/NAME.yaml": TUTORIAL,
    "python -m data.check data/specs/reviews.yaml": TUTORIAL,
    "python -m data.check data/specs/reviews.yaml --model minilm": TUTORIAL,
    "python -m data.check data/specs/senteval_past_present_pad.yaml --model gpt2": HUB + "parsed",
    "python -m data.check data/specs/sentiment.yaml --model minilm": TUTORIAL,
    "python -m data.check data/specs/verb_tense.yaml": TUTORIAL,
    "python -m data.new NAME --from FILE": TUTORIAL,
    "python -m data.new reviews --from data/raw/reviews.csv": TUTORIAL,
    "python -m examples.read_results results/taxonomy/minilm --out my_figure.png": "run by tests/docs/test_examples.py",
    "python -m pipeline.cite": "run by tests/pipeline/report/test_cite.py",
    "python -m pipeline.cite results/taxonomy/minilm": "run by tests/pipeline/report/test_cite.py",
    "python -m pipeline.reference": "run by tests/pipeline/test_reference.py",
    "python -m pipeline.published": "run by tests/pipeline/test_published.py",
    "python -m pipeline.published results/probes/bert bert-base-uncased_senteval_headwise_acc.csv": HUB + "parsed",
    "python -m pipeline.published results/probes/gpt2 gpt2_senteval_headwise_acc.csv": HUB + "parsed",
    "python -m pipeline.published results/probes/minilm theirs.csv --map Tense=verb_tense Depth=clause_depth": "run by "
    "tests/pipeline/test_published.py",
    "source .venv/bin/activate": SHELL,
    "srun --nodes=2 --ntasks-per-node=8 --gpus-per-node=8 python -m pipeline.stages.extract llama sentiment": CLUSTER
    + "what SLURM starts is parsed; tests/pipeline/extract/test_shared.py shares an extraction on one machine",
    "torchrun --nnodes=2 --nproc-per-node=8 --rdzv-backend=c10d --rdzv-endpoint=$HOST:29500 -m pipeline.stages.extract "
    "llama sentiment": CLUSTER + "parsed; tests/pipeline/extract/test_shared.py runs two processes of one machine",
}


def told() -> dict[str, list[str]]:
    """Return each command and the pages that give it."""
    found: dict[str, list[str]] = {}
    for page in pages.GUIDES:
        for command in pages.commands(pages.read(page)):
            found.setdefault(command, []).append(pages.name(page))
    return found


def starting(*words: str) -> list[str]:
    return [command for command in PROOF if command.startswith(words)]


def test_every_command_has_a_proof_and_every_proof_a_command():
    commands = told()
    assert {command: where for command, where in commands.items() if command not in PROOF} == {}
    assert [command for command in PROOF if command not in commands] == []


def test_a_command_is_found_in_a_block_and_in_a_line():
    text = "Run `make it so` or\n\n```sh\ndvc a \\\n  b  # why\n```\n\nand not `make` or `results/x`.\n"
    assert pages.commands(text) == ["dvc a b", "make it so"]


def test_the_tests_that_prove_a_command_are_there():
    named = {path for proof in PROOF.values() for path in re.findall(r"tests/[\w/]+\.py", proof)}
    assert named and [path for path in named if not (pages.ROOT / path).is_file()] == []


def test_what_ci_proves_is_in_ci():
    script = (pages.ROOT / ".ci/run").read_text(encoding="utf-8")
    makefile = (pages.ROOT / "Makefile").read_text(encoding="utf-8")
    run = set(re.findall(r"^make (\S+)$", script, re.MULTILINE))
    if "READY := $(VENV)/.ready" in makefile and re.search(r"^repro: \$\(READY\)$", makefile, re.MULTILINE):
        run.add(".venv/.ready")  # the environment is made on the way
    assert {command.removeprefix("make ") for command, proof in PROOF.items() if proof == CI} <= run


@pytest.mark.parametrize("command", [c for c in PROOF if re.match(r"(\w+=\S+ )*make ", c)])
def test_make_knows_what_it_is_told_to_make(command):
    words = shlex.split(command)
    made = subprocess.run(
        ["make", "--dry-run", *words[words.index("make") + 1 :]], cwd=pages.ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr


def test_make_says_so_where_it_does_not():
    made = subprocess.run(["make", "--dry-run", "nothing"], cwd=pages.ROOT, capture_output=True, text=True)
    assert made.returncode != 0 and "nothing" in made.stderr


class Parsed(Exception):
    """What a parser made of a command line."""


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs read their command line, and end there."""
    real = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, args: list[str] | None = None, namespace: object = None) -> None:
        raise Parsed(real(self, args, namespace))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)


def module_and_arguments(command: str) -> tuple[str, list[str]]:
    words = shlex.split(command)
    start = words.index("-m") + 1
    return words[start], words[start + 1 :]


def run_module(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the module of a command and call its `main` in this process."""
    name, arguments = module_and_arguments(command)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    monkeypatch.delitem(sys.modules, "examples.read_results", raising=False)
    module = importlib.import_module(name)
    if hasattr(module, "main"):  # a script of cells has read its command line when it is imported
        module.main()


UNPARSED = {  # two that read no options, and two programs that are only named
    *("python -m benchmarks.transfer", "python -m benchmarks.untrained 5"),
    *("python -m pipeline.published", "python -m pipeline.cite"),
}
PARSED = [command for command in PROOF if " -m " in command and command not in UNPARSED]


@pytest.mark.usefixtures("parse_only")
@pytest.mark.parametrize("command", PARSED)
def test_the_program_reads_the_arguments_of_the_command(command, monkeypatch):
    with pytest.raises(Parsed):
        run_module(command, monkeypatch)


@pytest.mark.usefixtures("parse_only")
@pytest.mark.parametrize("command", ["python -m data.check", "python -m data.new x --fast"])
def test_and_refuses_others(command, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_module(command, monkeypatch)
    assert "usage: python -m" in capsys.readouterr().err


@pytest.mark.parametrize("command", starting("python -m benchmarks"))
def test_a_benchmark_names_its_command_itself(command):
    module, _ = module_and_arguments(command)
    text = (pages.ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert f"python -m {module}" in text.split('"""')[1]


def test_torchrun_reads_its_options():
    from torch.distributed.run import get_args_parser

    (command,) = starting("torchrun")
    options = get_args_parser().parse_args(shlex.split(command)[1:])
    assert (options.nnodes, options.nproc_per_node, options.module) == ("2", "8", True)
    assert [options.training_script, *options.training_script_args] == ["pipeline.stages.extract", "llama", "sentiment"]


@pytest.mark.parametrize("command", starting("dvc"))
def test_dvc_reads_the_command(command):
    options = parse_args(shlex.split(command.replace("${task}", "bigram_shift"))[1:])
    stages = yaml.safe_load((pages.ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    params = yaml.safe_load((pages.ROOT / "params.yaml").read_text(encoding="utf-8"))
    for target in getattr(options, "targets", None) or []:
        assert target.partition("@")[0] in stages or target == "results/metrics.json"
    for change in getattr(options, "set_param", None) or []:
        section, key = change.partition("=")[0].split(".", 1)
        assert section.startswith("+") or key in params[section]


def test_the_datasets_of_a_loop_are_there():
    (loop,), (body,) = starting("for task"), [c for c in PROOF if "${task}" in c]
    for task in loop.split(" in ")[1].removesuffix("; do").split():
        for cell in body.replace("${task}", task).split()[2:]:
            assert (pages.ROOT / f"data/specs/{cell.partition('-')[2]}.yaml").is_file()


def test_the_extra_that_pip_is_told_is_there():
    assert "\nbench = [" in (pages.ROOT / "pyproject.toml").read_text(encoding="utf-8")
