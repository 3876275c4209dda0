"""How long a million files take that are there already, and a link to each: `scripts/bench --import`.

A list of files is imported into a new drive, once more without a change, and each file gets a link; then the same links
are asked for again. The files of the list need not be there: nothing of them is opened. Beside it, files of a folder.
"""

import os
import pathlib
import subprocess
import time

# Files of the folder: these are really there.
THERE = 100_000


def measure(bench, files):
    listed = bench.folder / "files.jsonl"
    with open(listed, "w") as lines:
        for n in range(files):
            lines.write('{"path":"/Clients/%03d/%02d/Document %d.pdf","location":"/srv/files/%08x/%d.pdf",'
                        '"size":%d,"modified":"2025-03-01T10:%02d:%02dZ"}\n'
                        % (n // 2000, n // 100 % 20, n, n * 2654435761 % 2**32, n, 1000 + n % 90000, n // 60 % 60, n % 60))
    there = bench.folder / "there"
    for n in range(THERE):
        folder = there / str(n // 1000) / str(n // 100 % 10)
        if n % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"{n}.txt").write_text(str(n))
    count = lambda number: f"{number:,}"
    lines = ["| | files | seconds | a second | most memory, MB | bytes in the database for each |", "|---|--:|--:|--:|--:|--:|"]
    for database in ("PostgreSQL", "SQLite"):
        create = ["links", "create", "--below", "/", "--user", "ann"]
        steps = [
            ("list", files, ["import", listed, "--user", "ann"]),
            ("list, again", files, ["import", listed, "--user", "ann"]),
            ("a link to each", files, create),
            ("a link to each, again", files, create),
            ("folder", THERE, ["import", there, "--user", "ben"]),
            ("folder, again", THERE, ["import", there, "--user", "ben"]),
        ]
        for what, number, arguments in steps:
            before = size(bench, database)
            seconds, memory = run([bench.program, *arguments, "--log", "error", *bench.settings(database)])
            grown = (size(bench, database) - before) / number
            grown = count(round(grown)) if "again" not in what else ""
            lines.append(f"| {what}, {database} | {count(number)} | {seconds:.1f} | {count(round(number / seconds))} |"
                         f" {memory:.0f} | {grown} |")
            print(lines[-1], flush=True)
    return "\n".join(lines)


def size(bench, database):
    """Bytes of the database, without what is written but once."""
    if database == "PostgreSQL":
        bench.sql("CHECKPOINT")
        return int(bench.sql("SELECT pg_database_size('everlink')"))
    return sum(file.stat().st_size for file in pathlib.Path(bench.folder).rglob("everlink.db"))


def run(command):
    """Seconds, and the most memory in MB."""
    began = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command[1]} failed")
    child.returncode = 0
    return time.monotonic() - began, used.ru_maxrss / 1024
