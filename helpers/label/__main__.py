import sys

from helpers.label.command import main

sys.exit(main(sys.argv[1:]))
