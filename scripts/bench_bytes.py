"""How fast bytes come and go, beside nginx in the same run: `scripts/bench --bytes`.

What nginx does is less: it opens a file by its name, asks no database, hashes nothing and syncs nothing. New files are
held against one thread that creates, writes and syncs files in a loop.
"""

import concurrent.futures
import http.client
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

SMALL = 4096
MIB = 1 << 20
GIB = 1 << 30
PUT = 240 * MIB
RANGE = 60 * MIB
# New files by so many connections.
WRITERS = 16
NGINX = """
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    client_max_body_size 0;
    client_body_temp_path {folder}/put;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {content}; }}
        location /put/ {{ root {folder}; dav_methods PUT; }}
    }}
}}
user root;
daemon off;
"""


# Each with its contents on the disk, but for the last.
SERVERS = ("SQLite", "PostgreSQL", "SQLite, S3")


class Bytes:
    """What is measured, on a loaded bench: its first files get contents."""

    def __init__(self, bench, tools):
        self.bench, self.tools = bench, tools
        self.content = bench.folder / "files" / "content"
        self.fill()
        self.start_nginx()
        self.start_s3()
        self.sources = {size: self.source(size) for size in (PUT, GIB)}
        self.users = {}
        self.count = 0
        self.peaks = {}
        threading.Thread(target=self.watch, daemon=True).start()

    def fill(self):
        """A content of 4 KiB for each file that is picked; one of 1 MiB and one of 1 GiB beside them, as the first files of
        the first drive."""
        bench, tools = self.bench, self.tools
        self.tools.say(f"writing {len(bench.picked):,} contents")
        self.sizes = {0: MIB, 1: GIB}
        for n in bench.picked:
            path = self.path(n)
            path.parent.mkdir(exist_ok=True)
            with open(path, "wb") as file:
                for _ in range(-(-self.sizes.get(n, SMALL) // MIB)):
                    file.write(os.urandom(min(MIB, self.sizes.get(n, SMALL))))
            os.link(path, self.path(n, "SQLite"))
        sizes = f"UPDATE {{}} SET size = CASE item_no WHEN 2 THEN {MIB} WHEN 3 THEN {GIB} ELSE {SMALL} END WHERE drive_id = {tools.FIRST_DRIVE} {{}}"
        rest = f"UPDATE {{}} SET size = {SMALL} WHERE drive_id <> {tools.FIRST_DRIVE} {{}}"
        statements = [form.format(table, only) for form in (sizes, rest)
                      for table, only in (("items", "AND kind = 'file'"), ("versions", ""))]
        bench.sql(";".join(statements) + ";VACUUM ANALYZE;")
        with sqlite3.connect(bench.folder / "everlink.db", timeout=60) as database:
            for statement in statements:
                database.execute(statement)
        database.close()
        # What was written is on the disk, so that nothing of it is under way while something is measured.
        os.sync()

    def path(self, n, database="PostgreSQL"):
        """Where the content of a loaded file is; each database has keys of its own."""
        drive = self.tools.FIRST_DRIVE + n // self.tools.FILES_PER_DRIVE
        key = {"PostgreSQL": f"00000000000040009000{n + self.tools.FIRST_LINK}", "SQLite": f"{(0x4000_9000 << 64) + n:032x}"}
        return self.content / f"{drive:016X}" / key[database]

    def start_nginx(self):
        self.port = self.tools.free_port()
        (self.bench.folder / "put").mkdir()
        file = self.bench.folder / "nginx.conf"
        file.write_text(NGINX.format(folder=self.bench.folder, content=self.content, port=self.port))
        self.nginx = self.tools.Process(["nginx", "-c", file, "-e", self.bench.folder / "nginx.log"])
        self.bench.processes.append(self.nginx)
        self.nginx_url = f"http://127.0.0.1:{self.port}"
        self.tools.until(lambda: socket.create_connection(("127.0.0.1", self.port)).close() is None, "nginx starts")

    def start_s3(self):
        """A server on SQLite whose contents are objects: of an S3 server on the same folder, which makes it a bucket."""
        port = self.tools.free_port()
        command = [self.tools.RELEASE / "examples" / "s3", f"127.0.0.1:{port}", self.content.parent]
        self.bench.processes.append(self.tools.Process(command))
        self.tools.until(lambda: socket.create_connection(("127.0.0.1", port)).close() is None, "the S3 server starts")
        os.environ.update(AWS_ENDPOINT=f"http://127.0.0.1:{port}", AWS_ALLOW_HTTP="true", AWS_REGION="us-east-1",
                          AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret")
        flags = ("--content-url", "s3://content")
        self.bench.start_server("SQLite", *flags)
        self.bench.servers[("SQLite, S3",)] = self.bench.servers.pop(("SQLite", *flags))

    def source(self, size):
        path = self.bench.folder / f"source-{size}"
        with open(path, "wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        return path

    def watch(self):
        """How much memory the services take, at most."""
        while True:
            for database in SERVERS:
                try:
                    memory = self.bench.servers[(database,)].memory()
                except (OSError, TypeError):
                    return
                self.peaks[database] = max(self.peaks.get(database, 0), memory)
            time.sleep(0.1)

    # What is asked for.

    def script(self, name, paths):
        path = self.bench.folder / f"{name}.lua"
        listed = path.with_suffix(".paths")
        listed.write_text("\n".join(paths))
        path.write_text(f"""
local paths, n, counter = {{}}, 0, 0
function setup(thread) counter = counter + 1; thread:set("id", counter) end
function init() for line in io.lines("{listed}") do paths[#paths + 1] = wrk.format("GET", line) end n = id * 7919 end
function request() n = n + 1; return paths[n % #paths + 1] end
""")
        return path

    def link(self, n):
        return self.bench.link_path(n).replace("/redir?", "/download?")

    def nginx_path(self, n):
        return "/" + str(self.path(n).relative_to(self.content))

    def measures(self):
        bench, picked = self.bench, [n for n in self.bench.picked if n not in self.sizes]
        measures = {}
        for what, files, connections in (("4 KiB, one", picked[:1], 64), (f"4 KiB, {len(picked):,} different", picked, 64),
                                         ("1 MiB", [0], 64)):
            scripts = {"nginx": self.script(f"nginx-{connections}-{len(files)}-{files[0]}", [self.nginx_path(n) for n in files])}
            scripts["links"] = self.script(f"links-{connections}-{len(files)}-{files[0]}", [self.link(n) for n in files])
            measures[what] = {"nginx": lambda s, script=scripts["nginx"]: self.wrk(self.nginx, self.nginx_url, script, s)}
            for database in SERVERS:
                server = bench.servers[(database,)]
                measures[what][database] = lambda s, server=server, script=scripts["links"]: self.wrk(server, server.url, script, s)
        for connections in 1, 16:
            measures[f"1 GiB, {connections} at once, GB/s"] = {
                "nginx": lambda s, connections=connections: self.get(self.nginx_url, self.nginx_path(1), connections)}
            # What the S3 server gives takes too long for many.
            for database in SERVERS if connections == 1 else SERVERS[:2]:
                url = bench.servers[(database,)].url
                measures[f"1 GiB, {connections} at once, GB/s"][database] = (
                    lambda s, url=url, connections=connections: self.get(url, self.link(1), connections))
        measures["PUT of 240 MiB, GB/s"] = {"nginx": lambda s: self.put(self.nginx_url, "/put/a", {}, PUT)}
        measures["session of 1 GiB, ranges of 60 MiB, GB/s (held against the PUT)"] = {}
        for which in ("one user", "16 users"):
            measures[f"new files of 4 KiB, 16 connections, {which} (held against one thread's loop)"] = {"nginx": self.loop}
        for database in SERVERS:
            measures["PUT of 240 MiB, GB/s"][database] = lambda s, database=database: self.upload(database)
            measures["session of 1 GiB, ranges of 60 MiB, GB/s (held against the PUT)"][database] = (
                lambda s, database=database: self.session(database))
            for which, users in ("one user", 1), ("16 users", WRITERS):
                measures[f"new files of 4 KiB, 16 connections, {which} (held against one thread's loop)"][database] = (
                    lambda s, database=database, users=users: self.new_files(database, users, s))
        return measures

    def wrk(self, server, url, script, seconds):
        return self.bench.wrk(server, url, script, 64, seconds)["rate"]

    def get(self, url, path, connections):
        """GB a second that so many clients get, each of them the whole file once."""
        host, port = url.removeprefix("http://").split(":")

        def one(_):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
                buffer, got = bytearray(MIB), 0
                while read := connection.recv_into(buffer):
                    got += read
                assert got > GIB, f"{got} bytes of {path}"

        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(connections) as pool:
            list(pool.map(one, range(connections)))
        return connections * GIB / 1e9 / (time.monotonic() - started)

    def put(self, url, path, headers, size, first=0, source=None):
        """GB a second at which a file, or a part of one, is taken."""
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection, open(source or self.sources[size], "rb") as file:
            head = {"Host": f"{host}:{port}", "Content-Length": size, "Connection": "close", **headers}
            started = time.monotonic()
            connection.sendall((f"PUT {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n").encode())
            sent = 0
            while sent < size:
                sent += os.sendfile(connection.fileno(), file.fileno(), first + sent, size - sent)
            answer = connection.makefile("rb").read()
            assert answer.split()[1][:2] == b"20", answer[:2000]
            self.seconds = time.monotonic() - started
            return size / 1e9 / self.seconds

    def upload(self, database):
        url, _, token = self.user(database, 0)
        return self.put(url, f"/drive/root:/{self.fresh()}.bin:/content", {"Authorization": f"Bearer {token}"}, PUT)

    def session(self, database, size=GIB, source=None):
        """The last range's own seconds are left in `seconds`."""
        url, call, _ = self.user(database, 0)
        made = call("POST", f"/drive/root:/{self.fresh()}.bin:/createUploadSession", b"{}")["uploadUrl"]
        path = made.removeprefix(url)
        started = time.monotonic()
        for first in range(0, size, RANGE):
            length = min(RANGE, size - first)
            self.put(url, path, {"Content-Range": f"bytes {first}-{first + length - 1}/{size}"}, length, first, source or self.sources[GIB])
        return size / 1e9 / (time.monotonic() - started)

    def user(self, database, number):
        if (database, number) not in self.users:
            url = self.bench.servers[(database,)].url
            command = [self.bench.program, "token", "--app-id", "bench", "--user", f"writer{number}", "--ttl", "10h", "--key-file", self.bench.key_file]
            token = self.tools.run(*command, stdout=subprocess.PIPE).stdout.strip()
            call = lambda method, path, body: json.load(urllib.request.urlopen(urllib.request.Request(
                url + path, data=body, method=method, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})))
            call("GET", "/drive", None)
            self.users[(database, number)] = url, call, token
        return self.users[(database, number)]

    def fresh(self):
        self.count += 1
        return f"file-{self.count}"

    def new_files(self, database, users, seconds):
        """Files a second."""
        tokens = [self.user(database, number)[2] for number in range(users)]
        server = self.bench.servers[(database,)]
        script = self.bench.folder / "new-files.lua"
        script.write_text(f"""
local n, counter = 0, 0
local tokens = {{ {", ".join(json.dumps(token) for token in tokens)} }}
local body = string.rep("x", {SMALL})
function setup(thread) counter = counter + 1; thread:set("id", counter) end
function request()
    n = n + 1
    local headers = {{ ["Authorization"] = "Bearer " .. tokens[n % #tokens + 1], ["Content-Type"] = "application/octet-stream" }}
    return wrk.format("PUT", "/drive/root:/{self.fresh()}-" .. id .. "-" .. n .. ":/content", headers, body)
end
""")
        return self.bench.wrk(server, server.url, script, WRITERS, seconds)["rate"]

    def loop(self, seconds):
        """Files a second that one thread creates, writes and syncs, one after the other."""
        with tempfile.TemporaryDirectory(dir=self.bench.folder) as folder:
            body, made, started = b"x" * SMALL, 0, time.monotonic()
            while time.monotonic() - started < seconds:
                file = os.open(f"{folder}/{made}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                os.write(file, body)
                os.fsync(file)
                os.close(file)
                made += 1
            return made / (time.monotonic() - started)

    # What came of it.

    def measure(self):
        only, rounds, seconds = self.bench.arguments.only, self.bench.arguments.rounds, self.bench.arguments.seconds
        measures = {what: sides for what, sides in self.measures().items() if only in what}
        results = {}
        for sides in measures.values():
            for side in sides.values():
                side(1)
        for round in range(rounds):
            self.tools.say(f"round {round + 1} of {rounds}")
            for what, sides in measures.items():
                # Who is first in one round is last in the next.
                for which in sorted(sides, reverse=round % 2 == 1):
                    rate = sides[which](seconds)
                    results.setdefault((what, which), []).append(rate)
                    self.tools.say(f"  {what}, {which}: {rate:,.2f}")
        return self.table(measures, results)

    def table(self, measures, results):
        lines = ["| | nginx, or as said |" + "".join(f" {server} | ratio |" for server in SERVERS), "|---" + "|--:" * 7 + "|"]
        number = lambda rate: f"{rate:,.0f}" if rate >= 100 else f"{rate:.2f}"
        for what in measures:
            beside = results.get((what, "nginx"))
            cells = [what]
            if beside:
                cells.append(number(statistics.median(beside)))
            for database in SERVERS:
                rates = results.get((what, database))
                if not rates:
                    cells += ["", ""]
                    continue
                held = beside or results.get(("PUT of 240 MiB, GB/s", database), [float("nan")] * len(rates))
                if not beside and database == SERVERS[0]:
                    cells.append("")
                ratio = statistics.median(rate / other for rate, other in zip(rates, held))
                cells += [number(statistics.median(rates)), f"{ratio:.2f}"]
            lines.append("| " + " | ".join(cells) + " |")
        lines += ["", "Peak memory: " + ", ".join(f"{peak:.0f} MB on {database}" for database, peak in self.peaks.items()) + "."]
        return "\n".join(lines)

    def large_session(self):
        """A session of 20 GiB of a sparse file: its last range beside the one before."""
        source, size = self.bench.folder / "sparse", 20 * GIB
        with open(source, "wb") as file:
            file.truncate(size)
        rate = self.session("SQLite", size, source)
        last = size % RANGE or RANGE
        return (f"A session of 20 GiB, SQLite: {rate:.2f} GB/s; its last range, of {last / MIB:.0f} MiB, was answered in "
                f"{self.seconds:.2f} s. Peak memory {self.peaks['SQLite']:.0f} MB.")
