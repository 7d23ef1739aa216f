"""setup(): what it picks, sets, prints and refuses, each in a fresh process."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from helpers import runtime


def run(program: str, **variables: str) -> subprocess.CompletedProcess:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WORKSHOP_S", "HF_"))}
    environment = {**inherited, **variables}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT)


def test_it_prints_a_line_for_each_thing_it_found():
    said = run("import helpers; helpers.setup()").stdout
    for name in ("Python", "device", "models", "size", "numbers", "seed", "memory", "disk", "torch", "transformers"):
        assert name in said
    assert "from Python packages, without the Hub" in said and "small" in said and "ok" in said


SECOND_CALL = """
import os, random, helpers, numpy, torch
helpers.setup()
before = dict(os.environ)
draw = lambda: (float(torch.rand(1)), numpy.random.rand(), random.random())
first = helpers.setup(source="hub", size="full", seed=3), draw()
again = helpers.setup(source="hub", size="full", seed=3), draw()
assert first == again
chosen = first[0]
print(chosen.source, chosen.size, chosen.pick(small=1, full=2), chosen.pick(tiny=0, small=1, full=2))
last = helpers.setup(size="tiny")
print(last.source, last.size, last.pick(small=1, full=2), last.pick(tiny=0, small=1, full=2))
print("environment", os.environ == before, os.environ["HF_HUB_OFFLINE"])
"""


def test_each_call_chooses_anew_and_the_environment_stays_as_it_was():
    lines = run(SECOND_CALL).stdout.splitlines()
    assert "hub full 2 2" in lines and "packages tiny 1 0" in lines
    assert lines[-1] == "environment True 1"


def test_a_cell_that_does_not_fit_the_gpu_says_what_to_do_and_holds_no_memory():
    program = """
import gc, weakref, torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
shell.run_cell("import helpers; helpers.setup()").raise_error()
shell.user_ns["held"] = held = []
result = shell.run_cell('''
import torch, weakref
def train():
    batch = torch.ones(3)
    held.append(weakref.ref(batch))
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
train()
''')
assert not result.success
del result
gc.collect()
print("freed", held[0]() is None)
"""
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert "per_device_train_batch_size" in done.stderr and "Traceback" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "freed True"


def test_an_argument_goes_before_the_environment():
    program = "import helpers; print(helpers.setup().size, helpers.setup(size='small').size)"
    assert run(program, WORKSHOP_SIZE="tiny").stdout.splitlines()[-1] == "tiny small"


@pytest.mark.parametrize(
    ("call", "variables", "message"),
    [
        ("helpers.setup(source='auto')", {}, "source is 'auto'. It can be: packages, hub."),
        ("helpers.setup(size='huge')", {}, "size is 'huge'. It can be: tiny, small, full."),
        ("helpers.setup()", {"WORKSHOP_SIZE": "huge"}, "size is 'huge'. It can be: tiny, small, full."),
        ("helpers.setup()", {"WORKSHOP_PRECISION": "8"}, "WORKSHOP_PRECISION is '8'. It can be: float32, bfloat16"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_can_be(call, variables, message):
    result = run(f"import helpers; {call}", **variables)
    assert f"ValueError: {message}" in result.stderr


def test_the_first_edition_s_variable_is_answered_in_one_sentence():
    said = run("import helpers; print(helpers.setup().source)", WORKSHOP_SOURCE="hub").stdout
    [line] = [line for line in said.splitlines() if "WORKSHOP_SOURCE" in line]
    assert 'helpers.setup(source="hub")' in line and said.splitlines()[-1] == "packages"


def test_it_says_so_when_it_comes_too_late_to_matter():
    late = run("import transformers, helpers; helpers.setup()").stdout
    assert "restart the kernel and run this cell first" in late
    early = run("import helpers; helpers.setup(); import transformers; helpers.setup()").stdout
    assert "restart the kernel" not in early


def test_on_colab_it_names_the_menu_path_to_a_gpu():
    program = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
    said = run(f"{program}import helpers; helpers.setup()", CUDA_VISIBLE_DEVICES="").stdout
    assert "Runtime > Change runtime type" in said


APPLE_GPU = """
import torch
torch.backends.mps.is_available = torch.backends.mps.is_built = lambda: True
import helpers, tempfile
workshop = helpers.setup()
from transformers import TrainingArguments
print(workshop.device, TrainingArguments(tempfile.mkdtemp(), **workshop.precision).device)
"""


def test_where_there_is_an_apple_gpu_training_stays_on_the_cpu():
    result = run(APPLE_GPU)
    assert result.stdout.splitlines()[-1] == "cpu cpu", result.stderr


def test_helpers_can_be_imported_without_torch_or_transformers():
    said = run("import sys, helpers; print([name for name in ('torch', 'transformers') if name in sys.modules])").stdout
    assert said.strip() == "[]"


def test_tab_offers_the_public_names():
    said = run("import helpers; print(dir(helpers))").stdout
    assert all(f"'{name}'" in said for name in ("setup", "model", "download", "data", "metrics", "plots"))
    assert "import_module" not in said and "runtime" not in said


def test_an_old_python_is_named_before_anything_else_fails():
    program = "import sys; sys.version_info = (3, 10); sys.modules['tomllib'] = None; import helpers"
    assert "The workshop needs Python 3.11 or newer." in run(program).stderr.splitlines()[-1]


def test_the_number_format_that_is_asked_for_is_one_that_training_arguments_take(tmp_path, monkeypatch):
    from transformers import TrainingArguments

    for wanted, expected in [("bfloat16", {"bf16": True, "use_cpu": True}), ("float32", {"use_cpu": True})]:
        monkeypatch.setenv("WORKSHOP_PRECISION", wanted)
        assert runtime.training_arguments("cpu") == expected
        assert runtime.inference_format("cpu") == wanted
        assert TrainingArguments(tmp_path, **runtime.training_arguments("cpu")).bf16 == (wanted == "bfloat16")


def test_a_gpu_s_number_format_goes_by_its_compute_capability(monkeypatch):
    import torch

    monkeypatch.delenv("WORKSHOP_PRECISION", raising=False)
    for capability, expected in [((8, 0), {"bf16": True}), ((7, 5), {"fp16": True}), ((6, 1), {})]:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capability: found)
        assert runtime.training_arguments("cuda") == expected
