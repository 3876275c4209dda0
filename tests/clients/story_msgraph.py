"""The whole story with Microsoft's SDK for Python: upload, share, list, resolve, overwrite, revoke."""

import asyncio
import base64
import io
import os

from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator
from kiota_abstractions.authentication.base_bearer_token_authentication_provider import (
    BaseBearerTokenAuthenticationProvider,
)
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
from msgraph_core.tasks.large_file_upload import LargeFileUploadTask


class Token(AccessTokenProvider):
    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return os.environ["EVERLINK_TOKEN"]

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator([])


def encoded(url):
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


async def main():
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token()))
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
    assert await at(file.id).versions.by_drive_item_version_id("1.0").content.get() == b"first"

    large = os.urandom(8 * 1024 * 1024 + 17)
    wanted = DriveItemUploadableProperties(additional_data={"@microsoft.graph.conflictBehavior": "replace"})
    session = await at(f"{folder.id}:/large.bin:").create_upload_session.post(
        CreateUploadSessionPostRequestBody(item=wanted)
    )
    task = LargeFileUploadTask(session, adapter, io.BytesIO(large), DriveItem)
    uploaded = (await task.upload()).item_response
    assert uploaded.size == len(large)
    assert await at(uploaded.id).content.get() == large

    await at(file.id).permissions.by_permission_id(view.id).delete()
    try:
        await client.shares.by_shared_drive_item_id(view.share_id).drive_item.get()
        raise AssertionError("the link is alive")
    except APIError as error:
        assert error.response_status_code == 404, error
    new = await at(file.id).create_link.post(body)
    assert new.link.web_url != view.link.web_url
    await at(folder.id).delete()
    print("ok")


asyncio.run(main())
