"""Microsoft's SDK and azure-identity for Python against `--dev`, pointed there by the page's own snippets: an
application on its own, a user with a password, a user at a device; with the SDK's usual middlewares, and an HTTP client
of one's own; and the usual retries where a fault is ordered."""

import asyncio
import os
import time

import httpx
import requests
from azure.identity import ClientSecretCredential
from kiota_abstractions.api_error import APIError
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.drives.item.items.item.create_link.create_link_post_request_body import (
    CreateLinkPostRequestBody,
)
from msgraph.graph_request_adapter import options
from msgraph_core import GraphClientFactory
from snippets import snippet

SECURE, PLAIN = os.environ["EVERLINK_SECURE"], os.environ["EVERLINK_URL"]


def run(first_line):
    told = {}
    exec(snippet(first_line), told)
    return told


async def story(graph, drive, name):
    """Upload, createLink twice, list, revoke, dead."""
    at = graph.drives.by_drive_id(drive.id).items.by_drive_item_id
    file = await at(f"root:/{name}.txt:").content.put(name.encode())
    body = CreateLinkPostRequestBody(type="view", scope="anonymous")
    link = await at(file.id).create_link.post(body)
    assert (await at(file.id).create_link.post(body)).id == link.id
    opened = requests.get(link.link.web_url.replace("/redir?", "/download?"))
    assert opened.content == name.encode(), opened
    assert link.id in {one.id for one in (await at(file.id).permissions.get()).value}
    await at(file.id).permissions.by_permission_id(link.id).delete()
    assert requests.get(link.link.web_url.replace("/redir?", "/download?")).status_code == 404


def client(credential, http=None):
    provider = AzureIdentityAuthenticationProvider(credential, scopes=["https://graph.microsoft.com/.default"])
    adapter = GraphRequestAdapter(provider, http) if http else GraphRequestAdapter(provider)
    adapter.base_url = SECURE + "/v1.0"
    return GraphServiceClient(request_adapter=adapter)


async def main():
    application = run("msgraph-sdk for Python")
    graph = application["graph"]
    drive = await graph.users.by_user_id("alice").drive.get()
    await story(graph, drive, "application")

    by_password = client(run("azure-identity: a user with a password")["credential"])
    mine = await by_password.me.drive.get()
    assert mine.id == drive.id, "it is the same alice"
    await story(by_password, mine, "password")

    device = snippet("azure-identity: a user at a device")

    def type_code(address, code, _expires):
        requests.post(address, data={"user_code": code, "as": "dora"}).raise_for_status()

    device = device.replace('"my-app",', '"my-app", prompt_callback=type_code,')
    told = {"type_code": type_code}
    exec(device, told)
    at_device = client(told["credential"])
    hers = await at_device.me.drive.get()
    assert hers.owner.user.id == "dora", hers.owner
    await story(at_device, hers, "device")

    http = GraphClientFactory.create_with_default_middleware(options=options)
    await story(client(application["credential"], http), drive, "middlewares")
    own = GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(http2=True), options=options)
    await story(client(application["credential"], own), drive, "own-client")

    await retried(graph, drive)

    wrong = ClientSecretCredential("t", "a", "wrong", authority=SECURE, disable_instance_discovery=True)
    try:
        wrong.get_token("https://graph.microsoft.com/.default")
        raise AssertionError("the secret was taken")
    except Exception as error:
        assert "AADSTS7000215" in str(error), error
    print("ok")


async def retried(graph, drive):
    """The SDK's own middleware asks again, once the time that it was told is over."""
    path = f"/v1.0/drives/{drive.id}"
    for status in (429, 503):
        requests.delete(PLAIN + "/dev/requests").raise_for_status()
        fault = {"match": {"path": path}, "status": status, "retryAfter": 1, "times": 2}
        requests.post(PLAIN + "/dev/faults", json=fault).raise_for_status()
        began = time.monotonic()
        assert (await graph.drives.by_drive_id(drive.id).get()).id == drive.id
        assert time.monotonic() - began >= 2
        asked = requests.get(PLAIN + "/dev/requests", params={"path": path}).json()["value"]
        assert [one["status"] for one in asked] == [status, status, 200], asked
    fault = {"match": {"path": path}, "status": 400, "code": "invalidRequest"}
    requests.post(PLAIN + "/dev/faults", json=fault).raise_for_status()
    try:
        await graph.drives.by_drive_id(drive.id).get()
        raise AssertionError("it did not fail")
    except APIError as error:
        assert error.response_status_code == 400 and error.error.code == "invalidRequest", error


asyncio.run(main())
