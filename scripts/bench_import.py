"""How long a million files take that are there already, and a link to each: `scripts/bench --import`.

A list of files is imported into a new drive, once more without a change, and each file gets a link; then the same links
are asked for again. The files of the list need not be there: nothing of them is opened. Beside it, files of a folder,
and how links to those open beside links to as many files that were uploaded.
"""

import concurrent.futures
import csv
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time
import urllib.request

# Files of the folder: these are really there.
THERE = 100_000
# Files of another drive that are uploaded, and those of the folder whose links are opened beside theirs.
UPLOADED = 5_000
CONNECTIONS = 32
SECONDS = 4
RUNS = 5


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
    opened = ["", f"| {CONNECTIONS} connections | imported, a second | p50, ms | uploaded, a second | p50, ms | ratio |",
              "|---|--:|--:|--:|--:|--:|"]
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
        for line in opens(bench, database):
            opened.append(line)
            print(line, flush=True)
        bench.servers[(database,)].stop()
        # The next database is another installation's.
        shutil.rmtree(bench.folder / "files" / "content")
    return "\n".join(lines + opened)


def opens(bench, database):
    """How a link's item and its bytes come, of imported files and of uploaded ones, in turn."""
    bench.start_server(database)
    server = bench.servers[(database,)]
    upload(bench, server)
    scripts = {}
    for user in ("ben", "eve"):
        command = [bench.program, "links", "create", "--below", "/", "--user", user, "--log", "error", *bench.settings(database)]
        made = subprocess.run([str(part) for part in command], check=True, text=True, stdout=subprocess.PIPE).stdout
        links = [re.sub("^https?://[^/]*", "", row["url"]) for row in csv.DictReader(made.splitlines())]
        links = links[:: max(1, len(links) // UPLOADED)][:UPLOADED]
        scripts[user, "item"] = bench.script(f"item {user} {database}", links)
        scripts[user, "bytes"] = bench.script(f"bytes {user} {database}", [link.replace("/redir?", "/download?") for link in links])
    for what in ("item", "bytes"):
        results = {"ben": [], "eve": []}
        for _ in range(RUNS):
            for user, measured in results.items():
                measured.append(bench.wrk(server, server.url, scripts[user, what], CONNECTIONS, SECONDS))
        middle = lambda user, of: statistics.median(result[of] for result in results[user])
        imported, uploaded = (middle(user, "rate") for user in ("ben", "eve"))
        yield (f"| {what}, {database} | {imported:,.0f} | {middle('ben', 'p50'):.2f} | {uploaded:,.0f} |"
               f" {middle('eve', 'p50'):.2f} | {imported / uploaded:.2f} |")


def upload(bench, server):
    command = [bench.program, "token", "--app-id", "bench", "--user", "eve", "--ttl", "1h", "--key-file", bench.key_file]
    token = subprocess.run([str(part) for part in command], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()

    def put(n):
        url = f"{server.url}/v1.0/me/drive/root:/{n // 1000}/{n // 100 % 10}/{n}.txt:/content"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(url, str(n).encode(), headers, method="PUT")).read()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(UPLOADED)))


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
