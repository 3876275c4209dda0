"""The whole story with Office365-REST-Python-Client: upload, share, list, resolve, overwrite, batch, revoke."""

import base64
import gzip
import io
import json
import os
import tempfile

from office365.graph_client import GraphClient
from office365.onedrive.driveitems.uploadable_properties import DriveItemUploadableProperties
from office365.runtime.client_request_exception import ClientRequestException

URL = os.environ["EVERLINK_URL"]


def encoded(url):
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def compress(request):
    """The request's JSON as gzip."""
    request.data = gzip.compress(json.dumps(request.data).encode())
    request.set_header("Content-Encoding", "gzip")
    request.set_header("Content-Type", "application/json")


def downloaded(item):
    content = io.BytesIO()
    item.download(content).execute_query()
    return content.getvalue()


def uploaded_in_ranges(name, data):
    """By an upload session that says nothing of what to do where the file is there."""
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, name)
        with open(path, "wb") as output:
            output.write(data)
        return drive.root.resumable_upload(path, chunk_size=1_000_000).get().execute_query()


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
assert downloaded(client.shares[view.share_id].drive_item) == b"second"
versions = file.versions.get().execute_query()
assert [version.id for version in versions] == ["2.0", "1.0"]

first = file.versions["1.0"].get().execute_query()
assert (first.id, first.size, first.last_modified_by.user.id) == ("1.0", 5, "alice"), first
assert file.versions["2.0"].get().execute_query().size == 6

file.set_property("description", "it's 100% né").update().execute_query()
assert client.me.drive.items[file.id].get().execute_query().properties["description"] == "it's 100% né"
again = file.create_link("view", "anonymous").before_execute(compress).execute_query()
assert again.link.webUrl == view.link.webUrl
try:
    file.create_link("nonsense", "anonymous").before_execute(compress).execute_query()
    raise AssertionError("a link of no type")
except ClientRequestException as error:
    assert error.response.status_code == 400, error

large = os.urandom(5_000_000)
uploaded = uploaded_in_ranges("large file.bin", large)
assert downloaded(uploaded) == large
shared = uploaded.create_link("view", "anonymous").execute_query()
larger = os.urandom(5_500_000)
replaced = uploaded_in_ranges("large file.bin", larger)
assert (replaced.id, replaced.size) == (uploaded.id, len(larger)), replaced
assert downloaded(client.shares.by_url(shared.link.webUrl).drive_item) == larger
assert [one.id for one in uploaded.versions.get().execute_query()] == ["2.0", "1.0"]
session = uploaded.create_upload_session(DriveItemUploadableProperties(name="large file.bin")).execute_query()
assert session.value.nextExpectedRanges[0] == "0-", session.value
uploaded.delete_object().execute_query()

# Several requests in one: that which fails does so alone.
items = client.me.drive.items
one = items[file.id].get()
view_again = items[file.id].create_link("view", "anonymous")
made = folder.create_folder("Batch")
items[file.id].create_link("nonsense", "anonymous")
listed = items[file.id].versions.get()
with client.collect_batch_failures() as failures:
    client.execute_batch()
assert [failure.response.status_code for _, failure in failures] == [400], failures
assert (one.name, view_again.link.webUrl) == ("it's 100%.txt", view.link.webUrl)
assert [version.id for version in listed] == ["2.0", "1.0"]
assert items[made.id].get().execute_query().name == "Batch"
# What has no body says so: as Microsoft does, and as the library wants it.
items[made.id].delete_object()
file.permissions[edit.id].delete_object()
client.execute_batch()
assert [child.id for child in folder.children.get().execute_query()] == [file.id]

file.permissions[view.id].delete_object().execute_query()
try:
    client.shares[view.share_id].drive_item.get().execute_query()
    raise AssertionError("the link is alive")
except ClientRequestException as error:
    assert error.response.status_code == 404, error
folder.delete_object().execute_query()
print("ok")
