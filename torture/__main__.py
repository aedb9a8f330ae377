"""`make torture`: trainings killed at any moment, started twice, on full disks; damaged files; files of strangers; masks
in every form.

Prints one table, and writes it to results/torture.json. Minutes to an hour; `--short` in a minute, without the batch.
"""

import argparse
import json
import signal
import sys

from studylib import records
from torture import batch, harm, kills

TABLE = records.ROOT / "results" / "torture.json"


def table(rows: list) -> str:
    """What was tried, how often, what was lost and what went wrong, in Markdown."""
    lines = [f"| {tried} | {times:,} | {f'{lost:,}' if lost else 'nothing'} | {wrong} |" for tried, times, lost, wrong in rows]
    return "\n".join(["| what was tried | how often | what was lost | what went wrong |", "|---|---|---|---|", *lines])


def main() -> int:
    """Run every trial; the return value is 1 where anything was lost or went wrong."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a few of each, and nothing is written")
    short = parser.parse_args().short
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored, by all children too
    trials = [lambda: kills.run(6 if short else 40), lambda: harm.run(8 if short else 100)]
    if not short:
        from torture import masks, mutants

        trials += [batch.run, mutants.run, masks.run]
    rows = []
    for trial in trials:
        rows += trial()
        print(f"{len(rows)} rows", file=sys.stderr, flush=True)
    found = {"versions": records.versions(), "rows": rows}
    if not short:
        records.write_atomic(TABLE, (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode())
    print(table(rows))
    return int(any(lost or wrong != "nothing" for _, _, lost, wrong in rows))


if __name__ == "__main__":
    sys.exit(main())
