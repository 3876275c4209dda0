"""msal for Python with plain requests, and O365, against `--dev`, pointed there by the page's own snippets; and the
page's seed and its reset."""

import os
import urllib.parse

import msal
import requests
from snippets import snippet

SECURE, PLAIN = os.environ["EVERLINK_SECURE"], os.environ["EVERLINK_URL"]


def story(token, drive, name):
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {token}"
    base = f"{SECURE}/v1.0{drive}"
    file = api.put(f"{base}/root:/{name}.txt:/content", data=name.encode())
    assert file.status_code == 201, file.text
    item = f"{base}/items/{file.json()['id']}"
    made, again = (api.post(f"{item}/createLink", json={"type": "view"}) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 200) and made.json() == again.json()
    download = made.json()["link"]["webUrl"].replace("/redir?", "/download?")
    assert requests.get(download).content == name.encode()
    listed = api.get(f"{item}/permissions").json()["value"]
    assert made.json()["id"] in [one["id"] for one in listed]
    assert api.delete(f"{item}/permissions/{made.json()['id']}").status_code == 204
    assert requests.get(download).status_code == 404


told = {}
exec(snippet("msal for Python"), told)
story(told["token"], "/users/alice/drive", "application")

authority = {"authority": SECURE + "/contoso", "instance_discovery": False}
public = msal.PublicClientApplication("my-app", **authority)
flow = public.initiate_auth_code_flow(["Files.ReadWrite"], redirect_uri="http://localhost:5000/cb", login_hint="eve")
back = requests.get(flow["auth_uri"], allow_redirects=False).headers["Location"]
answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
tokens = public.acquire_token_by_auth_code_flow(flow, answer)
story(tokens["access_token"], "/me/drive", "code")
account = public.get_accounts()[0]
assert account["username"] == "eve", account
silent = public.acquire_token_silent(["Files.Read"], account=account)
assert silent and silent["token_source"] == "identity_provider", silent
kept = public.acquire_token_silent(["Files.ReadWrite"], account=account)
assert kept["token_source"] == "cache", kept

device = public.initiate_device_flow(["Files.ReadWrite"])
typed = {"user_code": device["user_code"], "as": "dora"}
requests.post(device["verification_uri"], data=typed).raise_for_status()
story(public.acquire_token_by_device_flow(device)["access_token"], "/me/drive", "device")

users = msal.PublicClientApplication("my-app", authority=SECURE + "/adfs")
tokens = users.acquire_token_by_username_password("frank", "any", ["Files.ReadWrite"])
story(tokens["access_token"], "/me/drive", "password")

told = {}
exec(snippet("O365"), told)
account = told["account"]
assert account.authenticate()
drive = account.storage().get_default_drive()
with open("o365.txt", "w") as file:
    file.write("O365")
uploaded = drive.get_root_folder().upload_file("o365.txt")
shared = uploaded.share_with_link(share_type="view")
assert requests.get(shared.share_link.replace("/redir?", "/download?")).content == b"O365"
assert shared.object_id in [one.object_id for one in uploaded.get_permissions()]
assert shared.delete()
assert requests.get(shared.share_link.replace("/redir?", "/download?")).status_code == 404

token = requests.get(PLAIN + "/dev/token").text
api = {"headers": {"Authorization": f"Bearer {token}"}}
told = {}
exec(snippet("conftest.py"), told)
told["everlink"].__wrapped__()
seeded = requests.get(SECURE + "/v1.0/me/drive/root:/contracts/a.txt:/content", **api)
assert seeded.content == b"a file's text", seeded.text
assert requests.get(SECURE + "/v1.0/me/drive/root:/o365.txt", **api).status_code == 404
print("ok")
