"""Snakemake with jobs that have imported torch: python -m support.forking_snakemake ARGUMENTS"""

import sys

from support.forked import be_snakemake

if __name__ == "__main__":
    be_snakemake(sys.argv[1:])
