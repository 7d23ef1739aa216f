"""How the two tuned models in data/ were trained: MiniLM with low-rank changes (learners need not run this).

python -m tools.tuned.sentiment    film reviews: negative or positive
python -m tools.tuned.entities     persons, organizations and places, learned from spaCy's labels
"""
