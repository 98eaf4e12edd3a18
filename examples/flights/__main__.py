"""`python -m examples.flights`."""

import sys

from examples.case_study.command import main
from examples.flights.study import STUDY

sys.exit(main(STUDY))
