"""The whole story with Microsoft's SDK for Python: upload, share, list, resolve, overwrite, batch, revoke.

Every JSON body that it sends is gzip.
"""

import asyncio
import base64
import gzip
import io
import os

import httpx
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator
from kiota_abstractions.authentication.base_bearer_token_authentication_provider import (
    BaseBearerTokenAuthenticationProvider,
)
from kiota_http.kiota_client_factory import KiotaClientFactory
from kiota_http.middleware.middleware import BaseMiddleware
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.drives.item.items.item.create_link.create_link_post_request_body import (
    CreateLinkPostRequestBody,
)
from msgraph.generated.drives.item.items.item.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.models.drive_item import DriveItem
from msgraph.generated.models.drive_item_uploadable_properties import DriveItemUploadableProperties
from msgraph.generated.models.folder import Folder
from msgraph.graph_request_adapter import options
from msgraph_core import GraphClientFactory
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.large_file_upload import LargeFileUploadTask


class Token(AccessTokenProvider):
    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return os.environ["EVERLINK_TOKEN"]

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator([])


class Gzip(BaseMiddleware):
    """Sends JSON as gzip, as Kiota's other languages do, and keeps what was answered."""

    def __init__(self):
        super().__init__()
        self.compressed = 0
        self.answered = []
        self.last = None

    async def send(self, request, transport):
        if request.headers.get("Content-Type") == "application/json" and request.content:
            headers = [one for one in request.headers.multi_items() if one[0] != "content-length"]
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(request.content)
            request = httpx.Request(
                request.method, request.url, headers=headers, content=body, extensions=request.extensions
            )
            self.compressed += 1
        self.last = response = await super().send(request, transport)
        self.answered.append((request.method, request.url.path.split("/")[1], response.status_code))
        return response


async def upload(adapter, session, content):
    return (await LargeFileUploadTask(session, adapter, io.BytesIO(content), DriveItem).upload()).item_response


def encoded(url):
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


async def main():
    gzips = Gzip()
    middleware = [*KiotaClientFactory.get_default_middleware(options), gzips]
    http = GraphClientFactory.create_with_custom_middleware(middleware)
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token()), http)
    adapter.base_url = os.environ["EVERLINK_URL"] + "/v1.0"
    client = GraphServiceClient(request_adapter=adapter)

    drive = await client.me.drive.get()
    assert drive.owner.user.id == "alice", drive.owner
    items = client.drives.by_drive_id(drive.id).items
    at = items.by_drive_item_id

    folder = await at("root").children.post(DriveItem(name="Reports #1 100%", folder=Folder()))
    assert folder.folder.child_count == 0
    file = await at(f"{folder.id}:/2024 é.txt:").content.put(b"first")
    assert file.name == "2024 é.txt" and file.size == 5
    listed = await at(folder.id).children.get()
    assert [item.id for item in listed.value] == [file.id]

    body = CreateLinkPostRequestBody(type="view", scope="anonymous")
    view = await at(file.id).create_link.post(body)
    again = await at(file.id).create_link.post(body)
    assert view.link.web_url == again.link.web_url and view.id == again.id
    assert view.roles == ["read"]
    edit = await at(file.id).create_link.post(CreateLinkPostRequestBody(type="edit", scope="anonymous"))
    assert edit.roles == ["write"] and edit.link.web_url != view.link.web_url
    permissions = await at(file.id).permissions.get()
    assert {view.id, edit.id} <= {one.id for one in permissions.value}

    for share in (encoded(view.link.web_url), view.share_id):
        shared = client.shares.by_shared_drive_item_id(share)
        assert (await shared.drive_item.get()).id == file.id
        assert await shared.drive_item.content.get() == b"first"

    assert (await at(file.id).content.put(b"second")).id == file.id
    assert await client.shares.by_shared_drive_item_id(view.share_id).drive_item.content.get() == b"second"
    versions = await at(file.id).versions.get()
    assert [version.id for version in versions.value] == ["2.0", "1.0"]
    first = at(file.id).versions.by_drive_item_version_id("1.0")
    assert await first.content.get() == b"first"
    version = await first.get()
    assert (version.id, version.size, version.last_modified_by.user.id) == ("1.0", 5, "alice")
    second = await at(file.id).versions.by_drive_item_version_id("2.0").get()
    assert (second.id, second.size) == ("2.0", 6)

    told = "Numbers of 2024,\nby quarter: é"
    assert (await at(file.id).patch(DriveItem(description=told))).description == told
    assert (await at(file.id).get()).description == told
    assert (await at(folder.id).children.get()).value[0].description == told
    # What else is changed leaves it, and an empty one takes it away.
    assert (await at(file.id).patch(DriveItem(name="2024 é.txt"))).description == told
    assert not (await at(file.id).patch(DriveItem(description=""))).description
    assert not (await at(file.id).get()).description

    large = os.urandom(8 * 1024 * 1024 + 17)
    wanted = DriveItemUploadableProperties(additional_data={"@microsoft.graph.conflictBehavior": "replace"})
    session = await at(f"{folder.id}:/large.bin:").create_upload_session.post(
        CreateUploadSessionPostRequestBody(item=wanted)
    )
    uploaded = await upload(adapter, session, large)
    assert uploaded.size == len(large)
    assert await at(uploaded.id).content.get() == large

    # Over what is there, with no word on what to do then.
    large_view = await at(uploaded.id).create_link.post(body)
    larger = os.urandom(9 * 1024 * 1024 + 1)
    wanted = DriveItemUploadableProperties(description="Larger")
    session = await at(f"{folder.id}:/large.bin:").create_upload_session.post(
        CreateUploadSessionPostRequestBody(item=wanted)
    )
    gzips.answered.clear()
    replaced = await upload(adapter, session, larger)
    assert set(gzips.answered) == {("PUT", "upload", 202), ("PUT", "upload", 200)}, gzips.answered
    assert (replaced.id, replaced.size, replaced.description) == (uploaded.id, len(larger), "Larger")
    assert (await at(uploaded.id).get()).description == "Larger"
    shared = client.shares.by_shared_drive_item_id(encoded(large_view.link.web_url))
    assert await shared.drive_item.content.get() == larger
    assert [one.id for one in (await at(uploaded.id).versions.get()).value] == ["2.0", "1.0"]
    assert await at(uploaded.id).versions.by_drive_item_version_id("1.0").content.get() == large

    await batch(client, gzips, folder, file)

    await at(file.id).permissions.by_permission_id(view.id).delete()
    try:
        await client.shares.by_shared_drive_item_id(view.share_id).drive_item.get()
        raise AssertionError("the link is alive")
    except APIError as error:
        assert error.response_status_code == 404, error
    new = await at(file.id).create_link.post(body)
    assert new.link.web_url != view.link.web_url
    await at(folder.id).delete()
    assert gzips.compressed > 10, gzips.compressed
    print("ok")


async def batch(client, gzips, folder, file):
    """Several requests in one: what each is answered is read as if it had come alone."""
    at = client.drives.by_drive_id(file.parent_reference.drive_id).items.by_drive_item_id
    link = CreateLinkPostRequestBody(type="view", scope="anonymous")
    put = at(f"{folder.id}:/batch.bin:").content
    # The SDK sends as base64 what is JSON but no object; this is the same text.
    text = b'[1, "two", "\xc3\xa9"]'
    requests = {
        "item": at(file.id).to_get_request_information(),
        "link": at(file.id).create_link.to_post_request_information(link),
        "folder": at(folder.id).children.to_post_request_information(DriveItem(name="Batch", folder=Folder())),
        "bytes": put.to_put_request_information(text),
        "content": at(file.id).content.to_get_request_information(),
        "missing": at("nothing").to_get_request_information(),
        "bad": at(file.id).create_link.to_post_request_information(CreateLinkPostRequestBody(type="nonsense")),
    }
    content = BatchRequestContent()
    for name, request in requests.items():
        one = BatchRequestItem(request, id=name)
        # It keeps the URL absolute (msgraph-sdk-python-core#1116), which the batch's users mend like this.
        one.url = one.url.removeprefix(client.request_adapter.base_url)
        content.add_request(name, one)
    answers = await client.batch.post(content)
    statuses = {"item": 200, "link": 200, "folder": 201, "bytes": 201, "content": 302, "missing": 404, "bad": 400}
    assert answers.get_response_status_codes() == statuses, answers.get_response_status_codes()

    headers = answers.get_response_by_id("item").headers
    assert headers["Content-Type"].startswith("application/json"), headers

    # As it was sent: the SDK takes each body for base64, whatever it is (msgraph-sdk-python-core#807).
    answers_by_id = {one["id"]: one for one in gzips.last.json()["responses"]}
    bodies = {id: one.get("body") for id, one in answers_by_id.items()}
    assert bodies["item"]["id"] == file.id and bodies["item"]["name"] == file.name
    assert bodies["missing"]["error"]["code"] == "itemNotFound"
    assert bodies["bad"]["error"]["code"] == "invalidRequest"
    shared = await at(file.id).create_link.post(link)
    assert bodies["link"]["link"]["webUrl"] == shared.link.web_url
    assert (await at(bodies["folder"]["id"]).get()).name == "Batch"
    assert await at(bodies["bytes"]["id"]).content.get() == text
    async with httpx.AsyncClient() as anybody:
        place = answers_by_id["content"]["headers"]["Location"]
        assert (await anybody.get(place)).content == b"second"


asyncio.run(main())
