// The whole story with Microsoft's client for JavaScript: upload, share, list, resolve, overwrite, revoke.
//
// The client talks to https alone, so that a proxy stands in front of the service, which trusts it to
// say under which URL it was asked.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const require = createRequire(path.join(process.env.CLIENTS, "package.json"));
const { Client, LargeFileUploadTask } = require("@microsoft/microsoft-graph-client");

// A certificate for as long as the story lasts.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
const folderOfKeys = mkdtempSync(path.join(os.tmpdir(), "everlink-"));
const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(folderOfKeys, name));
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", cert], { stdio: "ignore" });
const proxy = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
  const headers = { ...request.headers, "x-forwarded-host": request.headers.host, "x-forwarded-proto": "https" };
  const url = new URL(process.env.EVERLINK_URL);
  const options = { host: url.hostname, port: url.port, path: request.url, method: request.method, headers };
  const passed = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  request.pipe(passed);
});
rmSync(folderOfKeys, { recursive: true });
await new Promise((ready) => proxy.listen(0, "127.0.0.1", ready));

const client = Client.init({
  baseUrl: `https://localhost:${proxy.address().port}`,
  customHosts: new Set(["localhost"]),
  authProvider: (done) => done(null, process.env.EVERLINK_TOKEN),
});
const api = (path) => client.api(path);
const encoded = (url) => "u!" + Buffer.from(url).toString("base64url");
const bytes = async (path) => Buffer.from(await api(path).responseType("arraybuffer").get());

const drive = await api("/me/drive").get();
const folder = await api("/me/drive/root/children").post({ name: "Reports", folder: {} });
const file = await api(`/me/drive/items/${folder.id}:/${encodeURIComponent("ü #1.txt")}:/content`).put("first");
assert.equal(file.name, "ü #1.txt");
const children = await api(`/drives/${drive.id}/items/${folder.id}/children`).top(10).select("id,name").get();
assert.deepEqual(children.value, [{ id: file.id, name: file.name }]);

const item = `/drives/${drive.id}/items/${file.id}`;
const view = await api(`${item}/createLink`).post({ type: "view", scope: "anonymous" });
const again = await api(`${item}/createLink`).post({ type: "view", scope: "anonymous" });
assert.equal(view.link.webUrl, again.link.webUrl);
const edit = await api(`${item}/createLink`).post({ type: "edit", scope: "anonymous" });
assert.deepEqual(edit.roles, ["write"]);
const permissions = await api(`${item}/permissions`).get();
const ids = permissions.value.map((one) => one.id);
assert.ok(ids.includes(view.id) && ids.includes(edit.id));

for (const share of [encoded(view.link.webUrl), view.shareId]) {
  assert.equal((await api(`/shares/${share}/driveItem`).get()).id, file.id);
  assert.equal((await bytes(`/shares/${share}/driveItem/content`)).toString(), "first");
}
await api(`${item}/content`).put("second");
assert.equal((await bytes(`/shares/${view.shareId}/driveItem/content`)).toString(), "second");
const versions = await api(`${item}/versions`).get();
assert.deepEqual(versions.value.map((one) => one.id), ["2.0", "1.0"]);

const large = Buffer.alloc(3_000_001, "everlink");
const session = await LargeFileUploadTask.createUploadSession(
  client,
  `/me/drive/items/${folder.id}:/large.bin:/createUploadSession`,
  { item: { "@microsoft.graph.conflictBehavior": "rename" } },
);
const source = {
  content: large,
  name: "large.bin",
  size: large.length,
  sliceFile: (range) => large.subarray(range.minValue, range.maxValue + 1),
};
const task = new LargeFileUploadTask(client, source, session, { rangeSize: 320 * 1024 * 4 });
const uploaded = (await task.upload()).responseBody;
assert.equal(uploaded.size, large.length);
assert.ok((await bytes(`/me/drive/items/${uploaded.id}/content`)).equals(large));

await api(`${item}/permissions/${view.id}`).delete();
await assert.rejects(api(`/shares/${view.shareId}/driveItem`).get(), { statusCode: 404, code: "itemNotFound" });
await api(`/me/drive/items/${folder.id}`).delete();
console.log("ok");
proxy.close();
proxy.closeAllConnections();
