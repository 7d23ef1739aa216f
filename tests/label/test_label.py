"""helpers.label: every row comes back in its place with the model's own label, whatever happens on the way."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import ROOT
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
)

from helpers import packages, runtime
from helpers.label import classifier, command, files, parts
from helpers.label.files import LabelError

ENCODER = packages.published("minilm")
NAMES = ["against", "for", "neither"]
WORDS = ["the", "senate", "voted", "on", "a", "bill", "about", "schools", "while", "nobody", "was", "listening"]
ENVIRONMENT = {**os.environ, "WORKSHOP_PRECISION": "float32", "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def always_the_same_numbers(monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")
    monkeypatch.setenv("WORKSHOP_PRECISION", "float32")


def save_model(folder, names=NAMES, **settings):
    tokenizer = AutoTokenizer.from_pretrained(ENCODER)
    torch.manual_seed(0)
    # Large weights, so that texts differ in their probabilities.
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), **sizes, initializer_range=0.5, **settings)
    config.id2label, config.label2id = dict(enumerate(names)), {name: place for place, name in enumerate(names)}
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def one_by_one(model):
    """The probabilities that the model gives to a text by itself, in float32."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    loaded = AutoModelForSequenceClassification.from_pretrained(model).eval()

    def predict(text):
        with torch.inference_mode():
            logits = loaded(**tokenizer(text, truncation=True, max_length=512, return_tensors="pt")).logits
        return logits[0].softmax(dim=0).numpy()

    return predict


def texts(count, seed=0):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, size=random.integers(1, 40))) for _ in range(count)]


def run(path, model, **options):
    return command.label_file(path, model=model, text="text", progress=False, **{"rows_per_part": 16, **options})


def read_csv(path, **options):
    """As text, by another reader than the program's."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file, **options)
    return header, rows


def assert_labels_are_the_models_own(frame, one_by_one):
    expected = np.array([one_by_one(text) for text in frame["text"]])
    found = frame[[f"probability_{name}" for name in NAMES]].to_numpy(dtype=float)
    assert np.abs(found - expected).max() < 1e-5
    assert list(frame["predicted_label"]) == [NAMES[best] for best in expected.argmax(axis=1)]
    assert len(set(frame["predicted_label"])) > 1  # or the order could not be seen


def test_every_row_of_a_csv_gets_the_label_the_model_gives_its_text_alone(tmp_path, model, one_by_one):
    path = tmp_path / "t.csv"
    before = pd.DataFrame(
        {"id": [f"{n:04}" for n in range(50)], "text": texts(50), "note": ["NA", "1.0", "", "x;y", " "] * 10}
    )
    before.to_csv(path, index=False)
    done = run(path, model)
    assert (done.output, done.rows, done.empty, done.cut, done.resumed) == (tmp_path / "t.labeled.csv", 50, 0, 0, 0)
    after = pd.read_csv(done.output, dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(after[list(before)], before, check_dtype=False)
    assert list(after)[3:] == ["predicted_label", *(f"probability_{name}" for name in NAMES)]
    assert_labels_are_the_models_own(after, one_by_one)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["t.csv", "t.labeled.csv"]


def test_a_parquet_file_keeps_its_types_and_its_index(tmp_path, model, one_by_one):
    path = tmp_path / "t.parquet"
    before = pd.DataFrame(
        {
            "text": texts(50),
            "day": pd.date_range("2016-01-01", periods=50),
            "likes": pd.array([None, 2] * 25, dtype="Int64"),
            "party": pd.Categorical(["red", "blue"] * 25),
            "tags": [["a", "b"], []] * 25,
        },
        index=pd.Index(range(100, 150), name="tweet"),
    )
    before.to_parquet(path, row_group_size=7)
    after = pd.read_parquet(run(path, model).output)
    pd.testing.assert_frame_equal(after[list(before)], pd.read_parquet(path))
    assert_labels_are_the_models_own(after, one_by_one)


def test_the_output_can_have_the_other_format(tmp_path, model):
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": texts(40), "id": [f"{n:03}" for n in range(40)]}).to_csv(path, index=False)
    as_csv = run(path, model).output
    as_parquet = run(path, model, output=tmp_path / "t.parquet").output
    table = pd.read_parquet(as_parquet)
    assert list(table["id"]) == [f"{n:03}" for n in range(40)]
    pd.testing.assert_frame_equal(table, pd.read_csv(as_csv, dtype={"id": str}), check_dtype=False)


def test_whole_numbers_beside_missing_ones_stay_whole_in_a_csv(tmp_path, model):
    pd.DataFrame({"text": texts(3), "likes": pd.array([1, None, 3], dtype="Int64")}).to_parquet(tmp_path / "t.parquet")
    header, rows = read_csv(run(tmp_path / "t.parquet", model, output=tmp_path / "t.csv").output)
    assert [row[header.index("likes")] for row in rows] == ["1", "", "3"]


@pytest.mark.parametrize("inside", ["a\nb", "a\r\nb", "a\rb", 'say "this", then; that', "\ta ", "naïve – 東京 🗳"])
def test_what_stands_in_a_cell_comes_back_as_it_was(tmp_path, model, inside):
    before = [["1", inside, "NA"], ["2", "the senate", inside], ["3", "voted", "007"]] * 12
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["id", "text", "note"], *before])
    header, rows = read_csv(run(tmp_path / "t.csv", model).output)
    assert header[:3] == ["id", "text", "note"] and [row[:3] for row in rows] == before
    again = pd.read_csv(tmp_path / "t.labeled.csv", dtype=str, keep_default_na=False)
    assert len(again) == len(before)


def test_semicolons_a_byte_order_mark_and_names_given_twice_or_not_at_all_are_kept(tmp_path, model):
    (tmp_path / "t.csv").write_text("\ufefftext;;note;note\nThe senate, at last;1;2;3\n", encoding="utf-8")
    output = run(tmp_path / "t.csv", model).output
    assert output.read_bytes().startswith(b"\xef\xbb\xbftext;;note;note;predicted_label;")
    assert output.read_text(encoding="utf-8-sig").splitlines()[1].startswith("The senate, at last;1;2;3;")


def test_empty_and_missing_texts_keep_their_rows_and_get_no_label(tmp_path, model, one_by_one):
    given = ["the senate", "", "voted", "  ", "NA", "NaN", "on a bill", ""]
    pd.DataFrame({"text": given, "n": range(8)}).to_csv(tmp_path / "t.csv", index=False)
    done = run(tmp_path / "t.csv", model, rows_per_part=3)
    header, rows = read_csv(done.output)
    assert (done.rows, done.empty) == (8, 5) and "whose label is empty: 5." in str(done)
    assert [row[0] for row in rows] == given
    assert [row[2] != "" for row in rows] == [True, False, True, False, False, False, True, False]
    assert all(row[3:] == ["", "", ""] for row in rows if row[2] == "")
    assert float(rows[6][3]) == pytest.approx(one_by_one("on a bill")[0], abs=1e-5)
    pd.DataFrame({"text": ["the senate", None, ""]}).to_parquet(tmp_path / "t.parquet")
    table = pq.read_table(run(tmp_path / "t.parquet", model).output)
    assert table["text"].to_pylist() == ["the senate", None, ""]
    assert [column.null_count for column in table.columns[1:]] == [2, 2, 2, 2]


def test_an_empty_line_in_a_table_of_texts_alone_is_a_row(tmp_path, model):
    (tmp_path / "t.csv").write_text("text\nthe senate\n\nvoted\n")
    _, rows = read_csv(run(tmp_path / "t.csv", model).output)
    assert [row[0] for row in rows] == ["the senate", "", "voted"]


def test_what_the_first_edition_left_is_named_and_its_unfinished_run_can_be_continued(
    tmp_path, model, monkeypatch, capsys
):
    """Its outputs had another spelling."""
    path, old = tmp_path / "t.csv", tmp_path / "t.labelled.csv"
    pd.DataFrame({"text": texts(40)}).to_csv(path, index=False)
    unfinished(path, model, monkeypatch, output=old)
    with pytest.raises(LabelError, match="unfinished run of the workshop's first edition. Pass --output .*t.labelled"):
        run(path, model)
    assert not (tmp_path / "t.labeled.csv.parts").exists()
    assert run(path, model, output=old).resumed == 32
    before = old.read_bytes()
    done = run(path, model)
    assert "t.labelled.csv is an output of the workshop's first edition" in capsys.readouterr().out
    assert done.output == tmp_path / "t.labeled.csv" and old.read_bytes() == before


def test_a_table_without_rows_gives_one_without_rows(tmp_path, model):
    (tmp_path / "t.csv").write_text("id,text\n")
    assert run(tmp_path / "t.csv", model).rows == 0
    assert (tmp_path / "t.labeled.csv").read_text().startswith("id,text,predicted_label,probability_against")
    pd.DataFrame({"text": pd.Series([], dtype=str)}).to_parquet(tmp_path / "t.parquet")
    assert len(pd.read_parquet(run(tmp_path / "t.parquet", model).output)) == 0


@pytest.mark.parametrize("rows", [0, 3])
def test_a_parquet_column_without_a_single_text_is_left_unlabeled(tmp_path, model, rows):
    pq.write_table(pa.table({"text": pa.nulls(rows)}), tmp_path / "t.parquet")  # its type is null, not string
    done = run(tmp_path / "t.parquet", model)
    assert (done.rows, done.empty) == (rows, rows)
    assert pd.read_parquet(done.output)["predicted_label"].isna().all()


def test_texts_longer_than_the_model_takes_are_counted_and_read_to_there(tmp_path, model, one_by_one):
    fits, too_long = "senate " * 510, "senate " * 511  # with [CLS] and [SEP] 512 and 513 tokens
    frame = pd.DataFrame({"text": ["voted", too_long, fits, "senate " * 600]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = run(tmp_path / "t.csv", model)
    assert done.cut == 2 and "truncated to their first 512 tokens: 2." in str(done)
    found = pd.read_csv(done.output)["probability_for"]
    assert found[1] == found[2] == found[3] == pytest.approx(one_by_one(fits)[1], abs=1e-5)


def test_a_model_with_fewer_positions_than_its_tokenizer_says_cuts_there(tmp_path):
    folder = save_model(tmp_path / "short", max_position_embeddings=20)
    pd.DataFrame({"text": ["senate " * 18, "senate " * 19]}).to_csv(tmp_path / "t.csv", index=False)
    done = run(tmp_path / "t.csv", folder)
    assert (done.longest, done.cut) == (20, 1)


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from helpers.label import classifier, command, parts  # once, before the children are made
model, path, folder = sys.argv[1:]
rename = os.replace

def killed(moment):
    # SIGKILL right before (even) or right after (odd) each time that a file gets its name.
    count = 0
    def replace(*places):
        nonlocal count
        if count == moment: os.kill(os.getpid(), signal.SIGKILL)
        rename(*places)
        if count + 1 == moment: os.kill(os.getpid(), signal.SIGKILL)
        count += 2
    os.replace = replace
    output = f"{folder}/{moment}.csv"
    command.label_file(path, model=model, text="text", output=output, progress=False, rows_per_part=16)
    os._exit(0)

for moment in range(100):
    child = os.fork()
    if child == 0:
        killed(moment)
    if os.waitpid(child, 0)[1] == 0:
        break
print(moment)
"""


def test_after_a_kill_at_any_moment_the_same_command_gives_the_undisturbed_output(tmp_path, model):
    path = tmp_path / "t.csv"
    pd.DataFrame({"id": range(50), "text": texts(49) + [""]}).to_csv(path, index=False)
    undisturbed = run(path, model).output.read_bytes()
    program = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(model), str(path), str(tmp_path)]
    killed = subprocess.run(program, env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True)
    # Before and after each of: run.json, four parts, and the output twice (joined, then in its place).
    assert killed.stdout.splitlines()[-1] == "14", killed.stderr
    resumed = [run(path, model, output=tmp_path / f"{moment}.csv").resumed for moment in range(14)]
    assert resumed == [0, 0, 0, 16, 16, 32, 32, 48, 48, 50, 50, 50, 50, 50]
    for moment in range(14):
        assert (tmp_path / f"{moment}.csv").read_bytes() == undisturbed, moment
    assert not list(tmp_path.glob("*.parts"))


def unfinished(path, model, monkeypatch, keep=lambda number: number < 2, **options):
    """A run that stopped when it had done the parts that `keep` says."""
    save = parts.Parts.save

    def save_some(self, number, *given):
        if keep(number):
            save(self, number, *given)

    with monkeypatch.context() as patched:
        patched.setattr(parts.Parts, "save", save_some)
        with pytest.raises(FileNotFoundError):
            run(path, model, **options)


def test_parts_done_by_several_processes_are_continued_by_one(tmp_path, model, monkeypatch):
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": texts(70)}).to_csv(path, index=False)
    undisturbed = run(path, model).output.read_bytes()
    unfinished(path, model, monkeypatch, keep=lambda number: number in (1, 3), output=tmp_path / "u.csv")
    done = run(path, model, output=tmp_path / "u.csv")
    assert done.output.read_bytes() == undisturbed and done.resumed == 32
    assert "an earlier run had labeled: 32." in str(done)


def test_two_processes_of_accelerate_launch_go_on_and_give_the_same_file(tmp_path, model, monkeypatch, one_by_one):
    path = tmp_path / "t.csv"
    pd.DataFrame({"id": range(4500), "text": texts(4500)}).to_csv(path, index=False)
    alone = pd.read_csv(run(path, model, rows_per_part=command.ROWS_PER_PART).output)
    unfinished(path, model, monkeypatch, output=tmp_path / "u.csv", rows_per_part=command.ROWS_PER_PART)
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    given = [str(path), "--model", str(model), "--text", "text", "--output", f"{tmp_path}/u.csv"]
    said = subprocess.run(
        [*launch, "-m", "helpers.label", *given], env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    assert "Rows: 4,500." in said.stdout and "labeled: 2,000." in said.stdout and said.stdout.count("Rows:") == 1
    together = pd.read_csv(tmp_path / "u.csv")
    # Another number of threads may sum in another order.
    pd.testing.assert_frame_equal(together, alone, atol=1e-5, rtol=0)  # each process has fewer threads


def test_an_unfinished_run_is_not_continued_under_another_reading_of_quotation_marks(tmp_path, model, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("".join(["id,text\n", *(f'{n},"{text}"\n' for n, text in enumerate(texts(40)))]))
    unfinished(path, model, monkeypatch, quoting="minimal")
    with pytest.raises(LabelError, match="differs in: quotation marks"):
        run(path, model, quoting="none")
    assert run(path, model).resumed == 32  # by default they enclose cells, as before


def test_a_run_of_an_earlier_edition_which_recorded_less_is_continued(tmp_path, model, monkeypatch):
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": ["the senate &amp; a bill", *texts(39)]}).to_csv(path, index=False)
    unfinished(path, model, monkeypatch)
    folder = tmp_path / "t.labeled.csv.parts"
    recorded = json.loads((folder / "run.json").read_text())
    del recorded["quotation marks"]
    (folder / "run.json").write_text(json.dumps(recorded))
    for part in folder.glob("*.parquet"):
        table = pq.read_table(part)
        left = {name: value for name, value in table.schema.metadata.items() if name != b"entities"}
        pq.write_table(table.replace_schema_metadata(left), part)
    done = run(path, model)
    assert (done.rows, done.resumed, done.entities) == (40, 32, 0)


def test_html_codes_are_counted_over_all_parts_and_said_once(tmp_path, model):
    given = ["this &amp; that", "the senate", "AT&T; R&D", "it&#39;s &lt;", ""]
    pd.DataFrame({"text": given, "n": range(5)}).to_csv(tmp_path / "t.csv", index=False)
    done = run(tmp_path / "t.csv", model, rows_per_part=2)
    assert done.entities == 2 and str(done).count("HTML") == 1
    assert "as they are: 2. html.unescape(text)" in str(done)


def test_spaces_around_the_name_of_the_text_column_are_kept(tmp_path, model):
    pd.DataFrame({"text ": texts(3)}).to_parquet(tmp_path / "t.parquet")
    assert list(pd.read_parquet(run(tmp_path / "t.parquet", model).output))[:2] == ["text ", "predicted_label"]


@pytest.mark.parametrize(
    "what", ["time of the input's last change", "model", "text column", "rows per part", "number format"]
)
def test_an_unfinished_run_of_something_else_is_not_continued(tmp_path, model, monkeypatch, what):
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": texts(40), "other": texts(40, seed=1)}).to_csv(path, index=False)
    unfinished(path, model, monkeypatch)
    options = {"model": model, "text": "text", "rows_per_part": 16}
    if what == "model":
        options["model"] = save_model(tmp_path / "other", NAMES[:2])
    elif what == "text column":
        options["text"] = "other"
    elif what == "rows per part":
        options["rows_per_part"] = 8
    elif what == "number format":
        monkeypatch.setenv("WORKSHOP_PRECISION", "bfloat16")
    else:
        os.utime(path, (1, 1))
    with pytest.raises(LabelError, match=f"differs in: {what}.*--restart"):
        command.label_file(path, progress=False, **options)
    done = command.label_file(path, progress=False, restart=True, **options)
    assert (done.rows, done.resumed) == (40, 0)


def test_a_run_goes_on_in_the_number_format_it_began_with(tmp_path, model, monkeypatch):
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": texts(40)}).to_csv(path, index=False)
    in_float32 = run(path, model).output.read_bytes()
    unfinished(path, model, monkeypatch, output=tmp_path / "u.csv")
    monkeypatch.delenv("WORKSHOP_PRECISION")
    monkeypatch.setattr(runtime, "_times_faster", lambda: 9.0)
    assert run(path, model, output=tmp_path / "u.csv").output.read_bytes() == in_float32
    assert run(path, model, output=tmp_path / "v.csv").output.read_bytes() != in_float32


def test_a_second_run_of_the_same_output_at_the_same_time_is_turned_away(tmp_path, model):
    path = tmp_path / "t.csv"
    pd.DataFrame({"text": texts(3)}).to_csv(path, index=False)
    first = parts.Parts(tmp_path / "t.labeled.csv")
    first.begin({})
    with pytest.raises(LabelError, match="Another run is writing"):
        run(path, model, restart=True)
    first.release()
    assert run(path, model, restart=True).rows == 3


def test_an_output_that_is_there_is_replaced_only_where_asked(tmp_path, model):
    path, output = tmp_path / "t.csv", tmp_path / "t.labeled.csv"
    pd.DataFrame({"text": texts(3)}).to_csv(path, index=False)
    output.write_text("mine")
    with pytest.raises(LabelError, match="is there already. Pass --restart to replace it, or another --output"):
        run(path, model)
    assert output.read_text() == "mine"
    assert len(pd.read_csv(run(path, model, restart=True).output)) == 3
    (tmp_path / "t.labeled.csv.parts").mkdir()  # as a kill right at the end leaves it
    with pytest.raises(LabelError, match="is there already"):
        run(path, model)
    assert not list(tmp_path.glob("*.parts"))
    with pytest.raises(LabelError, match="would replace the input"):
        run(path, model, output=path, restart=True)
    assert len(pd.read_csv(path)) == 3


def test_a_finished_output_stays_until_a_new_run_replaces_it(tmp_path, model, monkeypatch):
    path, output = tmp_path / "t.csv", tmp_path / "t.labeled.csv"
    pd.DataFrame({"text": texts(40)}).to_csv(path, index=False)
    old = run(path, model).output.read_bytes()
    pd.DataFrame({"text": texts(40, seed=1)}).to_csv(path, index=False)
    new = run(path, model, output=tmp_path / "undisturbed.csv").output.read_bytes()
    unfinished(path, model, monkeypatch, restart=True)
    assert output.read_bytes() == old != new
    assert run(path, model).resumed == 32  # the output in its place is not taken for this run's
    assert output.read_bytes() == new
    assert not list(tmp_path.glob("*.parts"))


def test_a_run_that_replaces_an_output_is_not_disturbed_by_one_without_restart(tmp_path, model):
    path, output = tmp_path / "t.csv", tmp_path / "t.labeled.csv"
    pd.DataFrame({"text": texts(3)}).to_csv(path, index=False)
    output.write_text("mine")
    first = parts.Parts(output)
    first.begin({}, restart=True)
    first.run_file.unlink()  # the moment before it is written
    with pytest.raises(LabelError, match="Another run is writing"):
        run(path, model)
    assert first.folder.exists() and output.read_text() == "mine"
    first.release()


def test_the_output_may_lie_in_the_home_folder(tmp_path, model, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    pd.DataFrame({"text": texts(3)}).to_csv(tmp_path / "t.csv", index=False)
    assert run(tmp_path / "t.csv", model, output="~/new/t.csv").output == tmp_path / "home" / "new" / "t.csv"
    assert len(pd.read_csv(tmp_path / "home" / "new" / "t.csv")) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.csv",
            "id,tweet\n1,a\n",
            r'Column "text" not found in t.csv \(row 1\). It has: id, tweet. Pass --text "tweet"',
        ),
        ("t.csv", "id;tweet\n1;a\n", r'Column "text" not found in t.csv \(row 1\). It has: id, tweet\.'),
        ("t.csv", "text,text\n1,a\n", r'the name "text" in columns \[1, 2\]'),
        (
            "t.csv",
            "text,predicted_label,probability_for\na,b,c\n",
            "would be written: predicted_label, probability_for",
        ),
        ("t.csv", "text,id\na,1\nb,2,3\n", "Row 3 of t.csv .line 3 .*3 fields.*first row 2"),
        ("t.csv", "text,id\na,1,2\nb,2,3\n", "Row 2 .*line 2 .*3 fields.*first row 2.*in double quotes"),
        ("t.csv", 'text,id\n"a\n\nb",1\n"c\nd",2,3\n', "Row 3 .*line 5 .*3 fields"),
        ("t.csv", 'text,id\n"a, b",1\n"c,1\n', "quotes do not match"),
        ("t.csv", "", "is empty"),
        ("t.parquet", "text\na\n", "cannot be read as Parquet"),
        ("t.xlsx", b"PK\x03\x04[Content_Types].xml xl/workbook.xml", "spreadsheet.*CSV UTF-8"),
    ],
)
def test_a_table_that_cannot_be_labeled_says_why(tmp_path, model, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelError, match=message):
        run(tmp_path / name, model)
    assert not (tmp_path / f"t.labeled.{name[2:]}").exists()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("München,0".encode("latin-1"), r"broken byte .0xFC. in row 60002.*Retype that cell.*CSV UTF-8"),
        ("東京".encode()[:-1], r"broken byte .0xE4. in row 60002"),  # as a download that broke off ends
        (b"a,b,0", "Row 60002 of t.csv .line 60002.*in double quotes"),
        (b'"a, b","0', "line 60002.*quotes do not match"),
    ],
)
def test_a_broken_line_far_down_is_told_before_anything_is_labeled(tmp_path, model, monkeypatch, broken, message):
    path = tmp_path / "t.csv"
    lines = [b"text,id", *(f"the senate – voted {n},{n}".encode() for n in range(60_000))]
    assert sum(map(len, lines)) > files.BLOCK
    monkeypatch.setattr(classifier.Classifier, "probabilities", None)  # would fail in another way
    for rest in ([], [b"voted,1"] * 5000):
        path.write_bytes(b"\n".join([*lines, broken, *rest]))
        with pytest.raises(LabelError, match=message):
            run(path, model)
    assert [found.name for found in tmp_path.iterdir()] == ["t.csv"]


def test_the_rows_of_a_csv_are_counted_as_they_are_read(tmp_path):
    (tmp_path / "t.csv").write_text('\ufefftext,id\n"a\n\nb",1\n\nc ""d,2\ne,3', encoding="utf-8")
    table = files.open_table(tmp_path / "t.csv", "text")
    assert table.rows == sum(map(len, table.chunks(2))) == 3 and table.opening == b"\xef\xbb\xbf"


def test_wrong_names_are_told_at_once(tmp_path, model):
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "numbers.parquet")
    (tmp_path / "t.csv").write_text("text\na\n")
    with pytest.raises(LabelError, match="holds int64, not texts"):
        run(tmp_path / "numbers.parquet", model)
    with pytest.raises(LabelError, match="none.csv is not there.*Near it"):
        run(tmp_path / "none.csv", model)
    with pytest.raises(LabelError, match="out.xlsx ends in"):
        run(tmp_path / "t.csv", model, output=tmp_path / "out.xlsx")


def broken(model, folder, **changes):
    """A copy of the model with changed lines in its config.json; None takes a line out."""
    folder.mkdir()
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


def test_a_folder_that_is_no_classifier_says_what_it_lacks(tmp_path, model):
    def refused(folder, message):
        with pytest.raises(LabelError, match=message):
            classifier.Classifier(folder)

    refused(tmp_path / "none", "There is no folder")
    (tmp_path / "run" / "checkpoint-10").mkdir(parents=True)
    refused(tmp_path / "run", "it has no config.json. Give the folder")
    (tmp_path / "run" / "checkpoint-10" / "config.json").touch()
    refused(tmp_path / "run", "models in folders inside it: checkpoint-10")
    (tmp_path / "run" / "adapter_config.json").touch()
    refused(tmp_path / "run", "adapters.*merge_and_unload")
    body = tmp_path / "encoder"
    AutoModel.from_pretrained(ENCODER).save_pretrained(body)
    refused(body, "no classification head: it is a BertModel")
    refused(broken(model, tmp_path / "unnamed", id2label=None), r"classes are called.*model.config.id2label = \{0:")
    refused(broken(model, tmp_path / "numbered", id2label={"0": "LABEL_0", "1": "LABEL_1"}), "classes are called")
    refused(broken(model, tmp_path / "scores", problem_type="regression"), "does not choose one")
    refused(broken(model, tmp_path / "twice", id2label={"0": "a", "1": "a"}), "does not choose one")
    no_tokenizer = broken(model, tmp_path / "no_tokenizer")
    (no_tokenizer / "tokenizer_config.json").unlink()
    refused(no_tokenizer, r"no tokenizer.*tokenizer.save_pretrained")
    letters = broken(model, tmp_path / "letters")
    (letters / "bpe.codes").write_text("t h 1\nth e</w> 1\n")
    assert classifier.class_names(letters)
    (letters / "bpe.codes").write_text("t h\nth e</w>\n")
    refused(letters, "letters instead of words. Copy vocab.txt and bpe.codes")
    pickled = broken(model, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    refused(pickled, "no weights as safetensors")
    headless = broken(model, tmp_path / "headless")
    BertModel(BertConfig.from_pretrained(model)).save_pretrained(tmp_path / "body")
    (headless / "model.safetensors").write_bytes((tmp_path / "body" / "model.safetensors").read_bytes())
    refused(headless, "never trained to classify: it has no classifier.bias, classifier.weight")
    (headless / "model.safetensors").write_bytes(b"no tensors")
    refused(headless, "cannot be loaded")


@pytest.mark.parametrize(
    ("number_format", "message"),
    [
        ("float16", "range of float16. Set WORKSHOP_PRECISION=float32"),
        ("bfloat16", "training failed. Train it again with a lower learning rate"),
        ("float32", "training failed. Train it again with a lower learning rate"),
    ],
)
def test_results_that_are_no_numbers_are_not_passed_off_as_labels(model, number_format, message):
    loaded = classifier.Classifier(model)
    loaded.use_format(number_format)
    loaded.model.classifier.bias.data[0] = float("nan")
    with pytest.raises(LabelError, match=message):
        loaded.probabilities(["the senate"])


def test_the_program_says_what_it_did_or_what_is_wrong(tmp_path, model, capsys):
    (tmp_path / "t.csv").write_text("text\nthe senate\n")
    given = [str(tmp_path / "t.csv"), "--model", str(model), "--text"]
    assert command.main([*given, "text"]) == 0
    assert capsys.readouterr().out.endswith(f"{tmp_path / 't.labeled.csv'} is written. Rows: 1.\n")
    assert command.main([*given, "tweet"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and 'Column "tweet" not found' in said.err and "Traceback" not in said.err
    with pytest.raises(SystemExit):
        command.main([*given, "text", "--batch-size", "0"])
    assert "0 is not a whole number above 0" in capsys.readouterr().err


def test_the_help_names_what_is_written_and_an_example(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said = capsys.readouterr().out
    for word in ("predicted_label", "probability_", "--model my-model --text tweet", "OUTPUT.parts", "--restart"):
        assert word in said


# The output is a table like the input


@pytest.mark.parametrize(
    ("name", "encoding", "separator", "decimal"),
    [
        ("t.csv", "utf-8-sig", ";", ","),
        ("t.txt", "utf-16", "\t", ","),  # Excel's Unicode Text
        ("t.csv", "cp1252", ";", "."),
        ("t.tsv", "utf-8", "\t", "."),
    ],
)
def test_the_output_keeps_separator_encoding_and_decimal_commas(tmp_path, model, name, encoding, separator, decimal):
    before = pd.DataFrame({"text": [f"the sénate {text}" for text in texts(5)], "share": [0.5, 1.25, 2.5, 3.75, 4.5]})
    options = {"sep": separator, "encoding": encoding, "decimal": decimal}
    before.to_csv(tmp_path / name, index=False, **options)
    output = run(tmp_path / name, model).output
    assert output.name == name.replace(".", ".labeled.")
    assert output.read_bytes()[:2] == (tmp_path / name).read_bytes()[:2]  # the byte order mark, where there is one
    after = pd.read_csv(output, **options)
    pd.testing.assert_frame_equal(after[list(before)], before)
    assert after["probability_for"].dtype == float and after["probability_for"].between(0, 1).all()


def test_excels_line_with_the_separator_stays(tmp_path, model):
    (tmp_path / "t.csv").write_text("sep=;\ntext;n\nthe senate;1\n")
    lines = run(tmp_path / "t.csv", model).output.read_text().splitlines()
    assert lines[:2] == ["sep=;", "text;n;predicted_label;probability_against;probability_for;probability_neither"]
    assert lines[2].startswith("the senate;1;") and len(lines) == 3


def test_quotation_marks_that_are_text_lose_no_row(tmp_path, model, capsys):
    rows = [f"{n}\t{mark}the senate {n}\ta" for n, mark in enumerate(['"', "", "", 'so" ', '"'])]
    (tmp_path / "t.tsv").write_text("\n".join(["id\ttext\tkind", *rows, ""]))
    done = run(tmp_path / "t.tsv", model)
    assert done.rows == 5 and "5 rows (tab, UTF-8, quotation marks read as text)" in capsys.readouterr().out
    assert list(pd.read_csv(done.output, sep="\t")["text"]) == [row.split("\t")[1] for row in rows]


def test_json_lines_come_back_with_their_types(tmp_path, model):
    rows = [{"text": text, "id": 10**18 + n, "tags": ["é", None]} for n, text in enumerate(texts(5))]
    (tmp_path / "t.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    output = run(tmp_path / "t.jsonl", model).output
    after = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert output.suffix == ".jsonl" and [{name: row[name] for name in rows[0]} for row in after] == rows
    assert {row["predicted_label"] for row in after} <= set(NAMES)
    as_csv = run(tmp_path / "t.jsonl", model, output=tmp_path / "t.csv").output
    assert list(pd.read_csv(as_csv)["id"]) == [row["id"] for row in rows]


def test_stata_comes_back_as_csv(tmp_path, model):
    pd.DataFrame({"text": texts(5), "n": range(5)}).to_stata(tmp_path / "t.dta", write_index=False)
    assert run(tmp_path / "t.dta", model).output == tmp_path / "t.labeled.csv"


def test_classes_that_the_encoding_cannot_write_are_told_before_the_first_label(tmp_path, model):
    other = save_model(tmp_path / "other", ["за", "против"])
    (tmp_path / "t.csv").write_text("text\nthe sénate\n", encoding="cp1252")
    with pytest.raises(LabelError, match='class "за" cannot be written .*cp1252'):
        run(tmp_path / "t.csv", other)
    assert run(tmp_path / "t.csv", other, output=tmp_path / "t.parquet").rows == 1


def test_an_output_that_cannot_be_written_is_told_before_the_first_label(tmp_path, model, monkeypatch):
    (tmp_path / "t.csv").write_text("text\nthe senate\n")
    (tmp_path / "file").touch()
    monkeypatch.setattr(classifier.Classifier, "probabilities", None)  # would fail in another way
    with pytest.raises(LabelError, match="cannot be written .*--output in a folder of your own. Nothing was labeled"):
        run(tmp_path / "t.csv", model, output=tmp_path / "file" / "t.csv")
    (tmp_path / "t.labeled.csv").touch()
    is_open(monkeypatch, tmp_path / "t.labeled.csv")
    with pytest.raises(LabelError, match="open in a program such as Excel, close it there"):
        run(tmp_path / "t.csv", model, restart=True)


def is_open(monkeypatch, output):
    """As Windows does where Excel shows a file: it can be read, but not written or replaced."""
    opened, replaced = type(output).open, type(output).replace

    def no_writing(self, mode="r", *args, **options):
        if self == output and "r" not in mode:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, mode, *args, **options)

    def no_replacing(self, target):
        if target == output:
            raise PermissionError(13, "Permission denied", str(self))
        return replaced(self, target)

    monkeypatch.setattr(type(output), "open", no_writing)
    monkeypatch.setattr(type(output), "replace", no_replacing)


def test_an_output_opened_meanwhile_loses_nothing(tmp_path, model):
    pd.DataFrame({"text": texts(40)}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.MonkeyPatch.context() as patched:
        is_open(patched, tmp_path / "t.labeled.csv")
        with pytest.raises(LabelError, match="All rows are labeled, but .* Close it"):
            run(tmp_path / "t.csv", model)
    done = run(tmp_path / "t.csv", model)
    assert (done.rows, done.resumed) == (40, 40)


def test_a_full_disk_loses_nothing(tmp_path, model):
    pd.DataFrame({"text": texts(40)}).to_csv(tmp_path / "t.csv", index=False)
    written = []

    def full(descriptor):
        written.append(descriptor)
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(LabelError, match="No space left on device.*make room, and the same command"):
            run(tmp_path / "t.csv", model)
    done = run(tmp_path / "t.csv", model)
    assert (done.rows, done.resumed) == (40, 16)


def test_the_fingerprint_covers_every_file_of_the_folder(model, tmp_path):
    copy = broken(model, tmp_path / "copy")
    before = classifier.fingerprint(copy)
    (copy / "bpe.codes").write_text("t h 1\n")
    assert classifier.fingerprint(copy) != before
