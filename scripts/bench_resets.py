"""How long tests of other programs wait for their reset: `scripts/bench --resets`.

A thousand tests on a seed of a hundred files, each of which uploads a file, shares it and removes another; then the
same by two at once, a tenant each.
"""

import concurrent.futures
import http.client
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

FILES = 100
TESTS = 1_000


def measure(program, free_port):
    with tempfile.TemporaryDirectory() as folder:
        seed = pathlib.Path(folder, "seed.json")
        files = {f"folder {n % 10}/file {n}.txt": f"text {n}" * 100 for n in range(FILES)}
        seed.write_text(json.dumps({"users": [{"name": "alice", "files": files}]}))
        api, admin, secure = (free_port() for _ in range(3))
        command = [program, "serve", "--dev", "--log", "error", "--seed", seed, "--listen", f"127.0.0.1:{api}",
                   "--admin-listen", f"127.0.0.1:{admin}", "--dev-listen", f"127.0.0.1:{secure}"]
        server = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        try:
            until_ready(admin)
            one = tests(api, "default", TESTS)
            with concurrent.futures.ThreadPoolExecutor() as side_by_side:
                two = side_by_side.map(lambda tenant: tests(api, tenant, TESTS // 2), ["one", "two"])
                two = [took for of_tenant in two for took in of_tenant]
        finally:
            server.kill()
            server.wait()
    lines = ["| resets of a tenant to a seed of 100 files | p50 ms | p99 ms | longest ms |", "|---|--:|--:|--:|"]
    for name, took in ("one after another", one), ("two tenants at once", two):
        took = sorted(took)
        at = lambda part: f"{1000 * took[int(part * (len(took) - 1))]:.1f}"
        lines.append(f"| {name} | {1000 * statistics.median(took):.1f} | {at(0.99)} | {at(1)} |")
    return "\n".join(lines)


def until_ready(port):
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server does not start")


def tests(port, tenant, count):
    """How long each reset took, in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(method, path, body=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, (method, path, answer.status, text)
        return text

    token = None
    ask("POST", f"/dev/reset?tenant={tenant}")
    token = ask("GET", f"/dev/token?tenant={tenant}").decode()
    took = []
    for test in range(count):
        made = json.loads(ask("PUT", f"/me/drive/root:/made/{test}.txt:/content", "made"))
        ask("POST", f"/me/drive/items/{made['id']}/createLink", '{"type":"view"}')
        ask("DELETE", f"/me/drive/root:/folder%20{test % 10}")
        began = time.monotonic()
        ask("POST", f"/dev/reset?tenant={tenant}")
        took.append(time.monotonic() - began)
    listed = json.loads(ask("GET", "/me/drive/root/children"))["value"]
    assert len(listed) == 10, listed
    return took
