"""setup(): what it picks, sets, prints and refuses, each in a fresh process."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT


def run(program: str, **variables: str) -> subprocess.CompletedProcess:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WORKSHOP_S", "HF_"))}
    environment = {**inherited, **variables}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT)


def test_it_prints_a_line_for_each_thing_it_found():
    said = run("import helpers; helpers.setup(source='packages')").stdout
    for name in ("Python", "device", "models from", "size", "seed", "memory", "disk", "torch", "transformers"):
        assert name in said
    assert "packages" in said and "ok" in said


def test_auto_takes_the_packages_where_the_hub_does_not_answer_and_says_how_to_ask_again(tmp_path):
    """tests/test_hub.py has the other answers."""
    program = "import helpers; print(helpers.setup().source)"
    said = run(program, HF_ENDPOINT="http://127.0.0.1:9", WORKSHOP_CACHE=str(tmp_path)).stdout
    assert said.splitlines()[-1] == "packages"
    assert "packages (the Hub cannot be reached, " in said
    assert 'helpers.packages.catalogue.main(["ask"]) in a cell' in said


def test_a_second_call_says_the_reason_again(tmp_path):
    program = "import helpers; helpers.setup(); helpers.setup()"
    said = run(program, HF_ENDPOINT="http://127.0.0.1:9", WORKSHOP_CACHE=str(tmp_path)).stdout
    assert (
        said.count("packages (the Hub cannot be reached, ")
        == said.count('helpers.packages.catalogue.main(["ask"])')
        == 2
    )


def test_who_forbids_to_ask_the_hub_is_obeyed(tmp_path):
    program = (
        "import os, helpers; helpers.setup(); first = os.environ['WORKSHOP_SOURCE']\n"
        "helpers.setup(source='hub'); helpers.setup(source='hub'); print(first, os.environ['HF_HUB_OFFLINE'])"
    )
    said = run(program, HF_HUB_OFFLINE="1", WORKSHOP_CACHE=str(tmp_path)).stdout
    assert "packages (HF_HUB_OFFLINE is set)" in said and said.splitlines()[-1] == "packages 1"


def test_a_cache_that_cannot_be_written_does_not_stop_the_set_up(tmp_path):
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "cache")
    result = run("import helpers; helpers.setup()", HF_ENDPOINT="http://127.0.0.1:9", WORKSHOP_CACHE=place)
    assert "packages (the Hub cannot be reached, " in result.stdout, result.stderr


@pytest.mark.parametrize("variable", ["WORKSHOP_SOURCE", "WORKSHOP_SIZE"])
def test_a_wrong_variable_is_named_with_what_it_can_be(variable):
    result = run("import helpers; helpers.setup()", **{variable: "huge"})
    assert f"'huge' ({variable})" in result.stderr
    assert "auto" in result.stderr


def test_an_argument_goes_before_the_environment_and_pick_follows_the_size():
    program = (
        "import helpers; w = helpers.setup(source='packages', size='full'); print(w.size, w.pick(small=1, full=2))\n"
        "w = helpers.setup(size='tiny'); print(w.size, w.pick(small=1, full=2), w.pick(tiny=0, small=1, full=2))"
    )
    lines = run(program, WORKSHOP_SIZE="small").stdout.splitlines()
    assert "full 2" in lines and lines[-1] == "tiny 1 0"


def test_it_seeds_and_calling_it_twice_does_no_harm():
    program = (
        "import helpers, torch, numpy, random\n"
        "def draw(): return float(torch.rand(1)), numpy.random.rand(), random.random()\n"
        "helpers.setup(source='packages', seed=3); first = draw()\n"
        "helpers.setup(source='packages', seed=3); assert draw() == first\n"
        "print('same')"
    )
    assert run(program).stdout.splitlines()[-1] == "same"


def test_it_says_so_when_it_comes_too_late_to_matter():
    late = run("import transformers, huggingface_hub, helpers; helpers.setup(source='packages')").stdout
    assert "too late" in late and "Restart" in late
    early = run("import helpers; helpers.setup(source='packages'); import transformers; helpers.setup()").stdout
    assert "too late" not in early


def test_on_colab_it_names_the_menu_path_to_a_gpu():
    program = (
        "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
        "import helpers; helpers.setup(source='packages')"
    )
    said = run(program, CUDA_VISIBLE_DEVICES="").stdout
    assert "Runtime > Change runtime type" in said


def test_helpers_can_be_imported_without_torch_or_transformers():
    said = run("import sys, helpers; print([name for name in ('torch', 'transformers') if name in sys.modules])").stdout
    assert said.strip() == "[]"
