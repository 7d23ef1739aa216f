"""The offline kit: one archive that installs the workshop without a network."""
