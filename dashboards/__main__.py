"""`python -m dashboards` writes the generated files; with `--check` it only says whether they are up to date."""

import argparse
import sys

from dashboards.files import GENERATED, drift, write


def main(arguments: list[str] | None = None) -> int:
    """0: all is as it should be; 1: with `--check`, something differs."""
    parser = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file differs")
    chosen = parser.parse_args(arguments)
    changed = drift(GENERATED) if chosen.check else write(GENERATED)
    for line in changed:
        sys.stdout.write(f"dashboards/generated/{line}\n")
    if chosen.check and changed:
        sys.stderr.write("dashboards: the generated files do not fit the code: run 'python -m dashboards'\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
