// The whole story with Microsoft's client for JavaScript: upload, share, list, resolve, overwrite, batch, revoke.
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
import { gzipSync } from "node:zlib";

const require = createRequire(path.join(process.env.CLIENTS, "package.json"));
const { BatchRequestContent, BatchResponseContent, Client, LargeFileUploadTask } = require(
  "@microsoft/microsoft-graph-client",
);

// A certificate for as long as the story lasts.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
const folderOfKeys = mkdtempSync(path.join(os.tmpdir(), "everlink-"));
const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(folderOfKeys, name));
execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", cert], { stdio: "ignore" });
const statuses = [];
const proxy = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
  const headers = { ...request.headers, "x-forwarded-host": request.headers.host, "x-forwarded-proto": "https" };
  const url = new URL(process.env.EVERLINK_URL);
  const options = { host: url.hostname, port: url.port, path: request.url, method: request.method, headers };
  const passed = http.request(options, (answer) => {
    statuses.push(answer.statusCode);
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
const gzipped = (path) => api(path).headers({ "Content-Encoding": "gzip", "Content-Type": "application/json" });
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
for (const [id, content] of [["1.0", "first"], ["2.0", "second"]]) {
  const version = await api(`${item}/versions/${id}`).get();
  assert.deepEqual([version.id, version.size, version.lastModifiedBy.user.id], [id, content.length, "alice"]);
  assert.equal((await bytes(`${item}/versions/${id}/content`)).toString(), content);
}
await assert.rejects(api(`${item}/versions/3.0`).get(), { statusCode: 404, code: "itemNotFound" });

// JSON may come as gzip, for whatever is done with it.
const described = await gzipped(item).patch(gzipSync(JSON.stringify({ description: "Ü, by gzip" })));
assert.equal(described.description, "Ü, by gzip");
assert.equal((await api(item).get()).description, "Ü, by gzip");
const shared = await gzipped(`${item}/createLink`).post(gzipSync(JSON.stringify({ type: "view" })));
assert.equal(shared.link.webUrl, view.link.webUrl);
await api(item).patch({ description: null });
assert.equal((await api(item).get()).description, undefined);

const upload = async (content, body) => {
  const address = `/me/drive/items/${folder.id}:/large.bin:/createUploadSession`;
  const session = await LargeFileUploadTask.createUploadSession(client, address, body);
  const source = {
    content,
    name: "large.bin",
    size: content.length,
    sliceFile: (range) => content.subarray(range.minValue, range.maxValue + 1),
  };
  return (await new LargeFileUploadTask(client, source, session, { rangeSize: 320 * 1024 * 4 }).upload()).responseBody;
};
const large = Buffer.alloc(3_000_001, "everlink");
const uploaded = await upload(large, { item: { "@microsoft.graph.conflictBehavior": "rename" } });
assert.equal(uploaded.size, large.length);
assert.ok((await bytes(`/me/drive/items/${uploaded.id}/content`)).equals(large));

// Over what is there, with no word on what to do then: the same item and the same link, with new bytes.
const largeView = await api(`/me/drive/items/${uploaded.id}/createLink`).post({ type: "view" });
const larger = Buffer.alloc(3_500_000, "another");
statuses.length = 0;
const replaced = await upload(larger, { item: { description: "Larger" } });
assert.deepEqual(statuses, [200, 202, 202, 200]);
assert.deepEqual([replaced.id, replaced.size, replaced.description], [uploaded.id, larger.length, "Larger"]);
assert.ok((await bytes(`/shares/${encoded(largeView.link.webUrl)}/driveItem/content`)).equals(larger));
assert.ok((await bytes(`/me/drive/items/${uploaded.id}/versions/1.0/content`)).equals(large));

// Several requests in one. The client takes the host alone off a URL.
const request = (path, method = "GET", body = undefined) =>
  new Request(`https://localhost${path}`, {
    method,
    headers: body && { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
const batch = await new BatchRequestContent([
  { id: "item", request: request(item) },
  { id: "link", request: request(`${item}/createLink`, "POST", { type: "view" }) },
  { id: "folder", request: request(`/me/drive/items/${folder.id}/children`, "POST", { name: "Batch", folder: {} }) },
  { id: "content", request: request(`${item}/content`) },
  { id: "missing", request: request("/me/drive/items/nothing") },
  { id: "revoke", request: request(`${item}/permissions/${edit.id}`, "DELETE") },
]).getContent();
// The client can't read what is no JSON outside of a browser, so that these are written by hand.
const binary = Buffer.from([0, 255, 254, 62, 63, 10]);
const put = (id, type, body) => {
  const url = `/me/drive/items/${folder.id}:/${id}:/content`;
  batch.requests.push({ id, method: "PUT", url, headers: { "Content-Type": type }, body });
};
put("text.txt", "text/plain; charset=utf-8", "a text, é\n");
put("binary.bin", "application/octet-stream", binary.toString("base64"));
put("binary.url", "image/png", binary.toString("base64url"));
put("bad.bin", "application/octet-stream", "not base64!");
put("bad.txt", "text/plain", { no: "text" });
const answers = new BatchResponseContent(await gzipped("/$batch").post(gzipSync(JSON.stringify(batch))));
const told = Object.fromEntries([...answers.getResponses()].map(([id, answer]) => [id, answer.status]));
assert.deepEqual(told, {
  item: 200, link: 200, folder: 201, content: 302, missing: 404, revoke: 204,
  "text.txt": 201, "binary.bin": 201, "binary.url": 201, "bad.bin": 400, "bad.txt": 400,
});
const body = (id) => answers.getResponseById(id).json();
assert.equal((await body("item")).id, file.id);
assert.equal((await body("link")).link.webUrl, view.link.webUrl);
assert.equal((await body("missing")).error.code, "itemNotFound");
assert.equal((await api(`/me/drive/items/${(await body("folder")).id}`).get()).name, "Batch");
const place = answers.getResponseById("content").headers.get("Location");
assert.equal(await (await fetch(place)).text(), "second");
for (const [id, content] of [["text.txt", "a text, é\n"], ["binary.bin", binary], ["binary.url", binary]]) {
  assert.ok((await bytes(`/me/drive/items/${(await body(id)).id}/content`)).equals(Buffer.from(content)), id);
}
for (const id of ["bad.bin", "bad.txt"]) {
  assert.equal((await body(id)).error.code, "invalidRequest", id);
  await assert.rejects(api(`/me/drive/items/${folder.id}:/${id}`).get(), { statusCode: 404 });
}
await assert.rejects(api(`${item}/permissions/${edit.id}`).get(), { statusCode: 404 });

await api(`${item}/permissions/${view.id}`).delete();
await assert.rejects(api(`/shares/${view.shareId}/driveItem`).get(), { statusCode: 404, code: "itemNotFound" });
await api(`/me/drive/items/${folder.id}`).delete();
console.log("ok");
proxy.close();
proxy.closeAllConnections();
