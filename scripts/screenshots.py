"""Starts a server with sample data, opens its pages in Chromium, and keeps pictures of them in a folder.

Used by scripts/screenshots. Speaks WebDriver to chromedriver: https://www.w3.org/TR/webdriver2/
"""

import base64
import contextlib
import http.server
import json
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

EVERLINK = os.path.abspath(os.environ["EVERLINK"])
DEVICES = {"desktop": (1280, 800), "phone": (390, 844)}
THEMES = ("light", "dark")


def ask(method, url, body=None, headers=None):
    """The JSON that an address answers with."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")


@contextlib.contextmanager
def running(command, marks, **options):
    """A program that has said what follows each of the marks, while it is used."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        said = []
        for mark in marks:
            for line in process.stdout:
                if mark in line:
                    said.append(line.split(mark)[1].strip())
                    break
        yield said
    finally:
        process.terminate()
        process.wait()


# ---- A photograph


def noise(seed, size):
    """Smooth chance between 0 and 1, over a line."""
    chance = random.Random(seed)
    points = [chance.random() for _ in range(size + 2)]

    def at(x):
        place, rest = int(x), x - int(x)
        rest = rest * rest * (3 - 2 * rest)
        return points[place % size] * (1 - rest) + points[(place + 1) % size] * rest

    return at


def ridge(seed, base, height, roughness):
    """How high mountains stand, over the width of the picture."""
    layers = [(noise(seed + number, 64), roughness * 2**number, height / 2**number) for number in range(5)]
    return lambda x: base - sum(layer(x * frequency) * tall for layer, frequency, tall in layers)


def mix(first, second, share):
    share = min(1, max(0, share))
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second))


def valley(width, height):
    """A valley at dawn: the sun, four rows of mountains in the mist, and a lake that shows them again.

    Colours change from line to line rather than along it: so pictures of it stay small.
    """
    sky = [(0, (74, 98, 142)), (0.3, (226, 160, 140)), (0.55, (252, 214, 168)), (1, (252, 214, 168))]
    mist = (244, 208, 178)
    rows = [
        (ridge(3, 0.50, 0.26, 3), (178, 146, 152)),
        (ridge(11, 0.56, 0.22, 4), (130, 114, 134)),
        (ridge(23, 0.62, 0.18, 5), (78, 86, 108)),
        (ridge(37, 0.68, 0.12, 7), (34, 48, 62)),
    ]
    shore = 0.68
    tops = [[line(column / width) for column in range(width)] for line, _ in rows]
    lines = []
    for row in range(height):
        y = row / height
        in_water = y >= shore
        above = 2 * shore - y if in_water else y
        # The water moves, and is darker than what it shows.
        aside = round(3 * math.sin(row * 1.9) + 2 * math.sin(row * 0.7)) if in_water else 0
        tones = [mix(tone, mist, (above - 0.3) * 1.1 - number * 0.09) for number, (_, tone) in enumerate(rows)]
        for (start, first), (end, second) in zip(sky, sky[1:]):
            if start <= above < end:
                tones.append(mix(first, second, (above - start) / (end - start)))
        tones.append(mix(tones[-1], (255, 250, 230), 0.45))
        tones.append((255, 250, 230))
        if in_water:
            tones = [mix(tone, (30, 48, 72), 0.3 + (y - shore) * 0.8) for tone in tones]
        line = bytearray(1)
        for column in range(width):
            place = min(width - 1, max(0, column + aside))
            distance = math.hypot((column / width - 0.66) * width / height, above - 0.3)
            shown = tones[6 if distance < 0.05 else 5 if distance < 0.085 else 4]
            for number in range(4):
                if above > tops[number][place]:
                    shown = tones[number]
            line += bytes(shown)
        lines.append(bytes(line))

    def part(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    # As large as a photograph is.
    pixels = part(b"IDAT", zlib.compress(b"".join(lines), 0))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + pixels + part(b"IEND", b"")


# ---- What is shared


class Owner:
    def __init__(self, url, data):
        token = [EVERLINK, "token", "--user", "me", "--user-name", "Ada Lovelace", "--app-id", "1", "--app-name"]
        self.token = subprocess.check_output([*token, "Field diary", "--data-dir", data], text=True).strip()
        self.url = url

    def ask(self, method, path, body=None):
        return ask(method, self.url + path, body, {"Authorization": f"Bearer {self.token}"})

    def put(self, path, content):
        return self.ask("PUT", f"/drive/root:{urllib.parse.quote(path)}:/content", content)["id"]

    def link(self, path, kind):
        item = self.ask("GET", f"/drive/root:{urllib.parse.quote(path)}")["id"]
        return self.ask("POST", f"/drive/items/{item}/createLink", {"type": kind})["link"]


def fill(owner):
    """Puts files into the owner's drive; gives addresses of pages."""
    owner.put("/Valley at dawn.png", valley(900, 600))
    for name, size in [
        ("Harvest report 2026.pdf", 2_480_000),
        ("Budget.xlsx", 84_000),
        ("Interview with the beekeepers.mp3", 9_300_000),
        ("Field notes.md", 5_200),
        ("Aerial view of the orchard in spring.jpg", 3_700_000),
        ("Samples, north and south.csv", 48_000),
        ("Archive of last year.zip", 12_600_000),
        ("Maps/North slope.png", 800_000),
        ("Interviews/First.txt", 1_000),
    ]:
        owner.put(f"/Orchard survey/{name}", bytes(size))
    owner.put("/Applications/first.txt", b"x")
    revoked = owner.put("/revoked.txt", b"x")
    gone = owner.link("/revoked.txt", "view")["webUrl"]
    owner.ask("DELETE", f"/drive/items/{revoked}")
    return {
        "file": owner.link("/Valley at dawn.png", "view")["webUrl"],
        "folder": owner.link("/Orchard survey", "view")["webUrl"],
        "edit": owner.link("/Orchard survey", "edit")["webUrl"],
        "drop": owner.link("/Applications", "createOnly")["webUrl"],
        "gone": gone,
        "embed": owner.link("/Valley at dawn.png", "embed")["webHtml"],
    }


# How often the links to one folder were opened.
OPENS = (42, 7)


def fill_more(owner):
    """Makes the links that the owner's own pages show, and opens them; gives the number of a folder."""
    for path, kind, opens in [
        ("/Orchard survey", "view", OPENS[0]),
        ("/Orchard survey", "edit", OPENS[1]),
        ("/Orchard survey/Harvest report 2026.pdf", "view", 19),
        ("/Orchard survey/Field notes.md", "blocksDownload", 3),
    ]:
        link = owner.link(path, kind)["webUrl"]
        for _ in range(opens):
            urllib.request.urlopen(link).read()
    return owner.ask("GET", "/drive/root:/Orchard%20survey")["id"].split("!")[1]


# A site that frames a file.
HOST = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Field diary</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1.0625rem/1.6 Georgia, serif; max-width: 40rem; margin: 2rem auto; padding: 0 1.25rem }
  iframe { width: 100% }
</style>
<h1>Field diary</h1>
<p>We were up before the sun. From the ridge one saw all of the valley, and the lake lay still.</p>
FRAME
<p>In the afternoon we walked down to the orchard, and counted what the frost had left.</p>
</html>
"""


@contextlib.contextmanager
def site(frame):
    """Another site, while it is used; gives its address."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(HOST.replace("FRAME", frame).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


# ---- The browser


class Browser:
    def __init__(self, driver, profile):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        options = {"args": [*arguments, f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self.session = f"{driver}/session/" + ask("POST", f"{driver}/session", wanted)["value"]["sessionId"]

    def ask(self, path, body):
        return ask("POST", f"{self.session}/{path}", body)["value"]

    def cdp(self, method, **parameters):
        return self.ask("goog/cdp/execute", {"cmd": method, "params": parameters})

    def run(self, script):
        return self.ask("execute/sync", {"script": script, "args": []})

    def until(self, condition):
        limit = time.monotonic() + 30
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > limit:
                raise TimeoutError(condition)
            time.sleep(0.05)

    def look(self, width, height, theme):
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        features = [("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features])

    def open(self, url):
        self.ask("url", {"url": url})
        self.until("document.readyState === 'complete' && [...document.images].every((image) => image.complete)")

    def open_until(self, url, condition):
        """Opens a page again and again, until it is as it should be: opens are written after a while."""
        limit = time.monotonic() + 60
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > limit:
                raise TimeoutError(condition)
            time.sleep(0.5)
            self.open(url)

    def picture(self):
        return base64.b64decode(self.cdp("Page.captureScreenshot", format="png")["data"])


def main(folder):
    folder = pathlib.Path(folder)
    data = folder / "data"
    serve = [EVERLINK, "serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data-dir", str(data)]
    environment = {"PATH": os.environ["PATH"]}
    with contextlib.ExitStack() as stack:
        quiet = {"stderr": subprocess.DEVNULL}
        [address] = stack.enter_context(running(serve, ["listening "], env=environment, **quiet))
        url = f"http://{address}"
        owner = Owner(url, str(data))
        pages = fill(owner)
        pages["embed"] = stack.enter_context(site(pages["embed"]))
        pages["signin"] = f"{url}/signin"
        [port] = stack.enter_context(running(["chromedriver", "--port=0"], ["successfully on port "], **quiet))
        browser = Browser(f"http://127.0.0.1:{port.rstrip('.')}", folder / "profile")
        stack.callback(ask, "DELETE", browser.session)

        def take(pages):
            for device, (width, height) in DEVICES.items():
                for theme in THEMES:
                    browser.look(width, height, theme)
                    for name, (address, script, shown) in pages.items():
                        browser.open(address)
                        browser.run(script)
                        browser.until(shown)
                        (folder / f"{name}-{device}-{theme}.png").write_bytes(browser.picture())

        take({name: (address, "", "true") for name, address in pages.items()})
        number = fill_more(owner)
        signin = [EVERLINK, "signin", "--data-dir", str(data), "--public-url", url]
        browser.open(subprocess.check_output(signin, text=True, env=environment).strip())
        opens = "Number(document.querySelectorAll('.sums dd')[1]?.textContent)"
        browser.open_until(f"{url}/my/{number}/sharing", f"{opens} >= {sum(OPENS)}")
        sharing = f"document.querySelector('[data-item=\"{number}\"] .share').click()"
        take(
            {
                "drive": (f"{url}/my/{number}", "", "true"),
                "sharing": (f"{url}/my", sharing, "document.querySelector('dialog .lk')"),
                "links": (f"{url}/my/links", "", "true"),
            }
        )


main(sys.argv[1])
