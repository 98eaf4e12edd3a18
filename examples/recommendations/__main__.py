"""`python -m examples.recommendations`."""

import sys

from examples.case_study.command import main
from examples.recommendations.study import STUDY

sys.exit(main(STUDY))
