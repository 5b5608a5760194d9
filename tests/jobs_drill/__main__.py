"""Drills of jobs. Exit code 1: something is not as it should be.

    python -m tests.jobs_drill queue --jobs 1000 --accounts 5
    python -m tests.jobs_drill kill --minutes 20 --kills 4 --seed 1

``queue``: two processes work off the jobs of several accounts: each is done once, shares are fair, the ledger agrees.
``kill``: one recording twice, the second time with every process killed again and again: the results are the same.
"""

import argparse
import sys

from tests.jobs_drill import kills, queue


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    drills = parser.add_subparsers(required=True)
    for drill in (queue, kills):
        drill.add_parser(drills)
    chosen = parser.parse_args()
    return int(chosen.run(chosen))


if __name__ == "__main__":
    sys.exit(main())
