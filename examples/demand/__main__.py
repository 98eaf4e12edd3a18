"""`python -m examples.demand`."""

import sys

from examples.case_study.command import main
from examples.demand.study import STUDY

sys.exit(main(STUDY))
