"""A sample of tests that run against Everlink in the place of Microsoft Graph. `GRAPH` is where it is."""

import asyncio
import os

import pytest
import requests
from azure.identity import ClientSecretCredential
from msgraph import GraphServiceClient
from msgraph.generated.drives.item.items.item.create_link.create_link_post_request_body import (
    CreateLinkPostRequestBody,
)

GRAPH = os.environ.get("GRAPH", "https://localhost:8443")


@pytest.fixture(autouse=True)
def everlink():
    """Each test begins with what the seed says: here, with nothing."""
    requests.post(f"{GRAPH}/dev/reset").raise_for_status()


def client():
    credential = ClientSecretCredential(
        "default", "my-app", "any secret", authority=GRAPH, disable_instance_discovery=True
    )
    graph = GraphServiceClient(credential, ["https://graph.microsoft.com/.default"])
    graph.request_adapter.base_url = f"{GRAPH}/v1.0"
    return graph


async def share(graph, path, content):
    """The code under test, as your project may have it: puts a file into Alice's drive, and shares it."""
    drive = await graph.users.by_user_id("alice").drive.get()
    items = graph.drives.by_drive_id(drive.id).items
    file = await items.by_drive_item_id(f"root:/{path}:").content.put(content)
    body = CreateLinkPostRequestBody(type="view", scope="anonymous")
    return await items.by_drive_item_id(file.id).create_link.post(body)


def opened(link):
    return requests.get(link.link.web_url.replace("/redir?", "/download?"))


def test_a_link_opens_the_current_version():
    async def story():
        graph = client()
        first = await share(graph, "report.txt", b"first")
        assert opened(first).content == b"first"
        second = await share(graph, "report.txt", b"second")
        assert second.link.web_url == first.link.web_url
        assert opened(first).content == b"second"

    asyncio.run(story())


def test_a_link_is_asked_for_again_when_graph_is_busy():
    fault = {"match": {"path": "*/createLink"}, "status": 429, "retryAfter": 1, "times": 2}
    requests.post(f"{GRAPH}/dev/faults", json=fault).raise_for_status()
    link = asyncio.run(share(client(), "report.txt", b"third time lucky"))
    assert opened(link).content == b"third time lucky"
    asked = requests.get(f"{GRAPH}/dev/requests", params={"path": "*/createLink"}).json()["value"]
    assert [one["status"] for one in asked] == [429, 429, 201]


def test_nothing_is_left_of_other_tests():
    asyncio.run(share(client(), "report.txt", b"once"))
    requests.post(f"{GRAPH}/dev/reset").raise_for_status()
    token = requests.get(f"{GRAPH}/dev/token").text
    headers = {"Authorization": f"Bearer {token}"}
    children = requests.get(f"{GRAPH}/v1.0/me/drive/root/children", headers=headers).json()
    assert children["value"] == []
