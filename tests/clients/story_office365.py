"""The whole story with Office365-REST-Python-Client: upload, share, list, resolve, overwrite, revoke."""

import base64
import io
import os
import tempfile

from office365.graph_client import GraphClient
from office365.runtime.client_request_exception import ClientRequestException

URL = os.environ["EVERLINK_URL"]


def encoded(url):
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


client = GraphClient(lambda: {"access_token": os.environ["EVERLINK_TOKEN"], "token_type": "Bearer"})
# The library knows Microsoft's clouds alone; this is where it builds their URL.
type(client.pending_request()).service_root_url = property(lambda self: URL + "/v1.0")

drive = client.me.drive.get().execute_query()
folder = drive.root.create_folder("Reports of Python").execute_query()
file = folder.upload("it's 100%.txt", b"first").execute_query()
# By its id, as what one did not just upload is addressed.
file = client.me.drive.items[file.id].get().execute_query()
assert file.name == "it's 100%.txt", file.name
children = folder.children.get().execute_query()
assert [child.id for child in children] == [file.id]

view = file.create_link("view", "anonymous").execute_query()
again = file.create_link("view", "anonymous").execute_query()
assert view.link.webUrl == again.link.webUrl and view.id == again.id
edit = file.create_link("edit", "anonymous").execute_query()
assert list(edit.roles) == ["write"] and edit.link.webUrl != view.link.webUrl
permissions = file.permissions.get().execute_query()
assert {view.id, edit.id} <= {one.id for one in permissions}

shared = client.shares.by_url(view.link.webUrl).drive_item.get().execute_query()
assert shared.id == file.id
assert client.shares[view.share_id].drive_item.get().execute_query().id == file.id

folder.upload("it's 100%.txt", b"second").execute_query()
content = io.BytesIO()
client.shares[view.share_id].drive_item.download(content).execute_query()
assert content.getvalue() == b"second", content.getvalue()
versions = file.versions.get().execute_query()
assert [version.id for version in versions] == ["2.0", "1.0"]

large = os.urandom(5_000_000)
with tempfile.TemporaryDirectory() as place:
    path = os.path.join(place, "large file.bin")
    with open(path, "wb") as output:
        output.write(large)
    uploaded = drive.root.resumable_upload(path, chunk_size=1_000_000).get().execute_query()
content = io.BytesIO()
uploaded.download(content).execute_query()
assert content.getvalue() == large
uploaded.delete_object().execute_query()

file.permissions[view.id].delete_object().execute_query()
try:
    client.shares[view.share_id].drive_item.get().execute_query()
    raise AssertionError("the link is alive")
except ClientRequestException as error:
    assert error.response.status_code == 404, error
folder.delete_object().execute_query()
print("ok")
