"""The snippets of docs/testing-with-everlink.md, as they stand but for the port."""

import os
import pathlib
import re


def snippet(first_line):
    """The code whose first line begins like this."""
    page = pathlib.Path(__file__).parents[2] / "docs/testing-with-everlink.md"
    for code in re.findall(r"^```(?:python|js|yaml)\n(.*?)^```", page.read_text(), re.M | re.S):
        if code.split("\n", 1)[0].lstrip("#/ ").startswith(first_line):
            secure, plain = os.environ["EVERLINK_SECURE"], os.environ["EVERLINK_URL"]
            assert secure.startswith("https://localhost:") and plain.startswith("http://127.0.0.1:")
            code = code.replace("https://localhost:8443", secure).replace("http://localhost:8080", plain)
            return code.replace("localhost:8443", secure.removeprefix("https://"))
    raise LookupError(f"the page has no snippet that begins with {first_line!r}")
