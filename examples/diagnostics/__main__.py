"""`python -m examples.diagnostics`."""

import sys

from examples.case_study.command import main
from examples.diagnostics.study import STUDY

sys.exit(main(STUDY))
