// Microsoft's libraries for JavaScript against `--dev`, pointed there by the page's own snippets: the client of Graph,
// the SDK, and msal-node with plain requests.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const { EVERLINK_SECURE: secure, CLIENTS: clients } = process.env;
const page = await readFile(new URL("../../docs/testing-with-everlink.md", import.meta.url), "utf8");

// What a snippet makes; as a file beside the libraries that are installed, so that it finds them.
async function run(firstLine, names) {
  const found = [...page.matchAll(/^```js\n(\/\/ .*?)^```/gms)].find(([, code]) => code.startsWith(`// ${firstLine}`));
  assert(found, firstLine);
  const code = found[1].replaceAll("https://localhost:8443", secure).replaceAll("localhost:8443", new URL(secure).host);
  const file = `${clients}/snippet-${firstLine.replaceAll(/\W/g, "-")}-${process.pid}.mjs`;
  await writeFile(file, `${code}\nexport { ${names} };\n`);
  return import(pathToFileURL(file));
}

const opened = async (link) => {
  const answer = await fetch(link.webUrl.replace("/redir?", "/download?"));
  return { status: answer.status, text: await answer.text() };
};

const { client } = await run("@microsoft/microsoft-graph-client", "client");
const drive = await client.api("/users/alice/drive").get();
const file = await client.api("/users/alice/drive/root:/graph.txt:/content").put("graph");
const item = `/drives/${drive.id}/items/${file.id}`;
const link = await client.api(`${item}/createLink`).post({ type: "view", scope: "anonymous" });
assert.equal((await client.api(`${item}/createLink`).post({ type: "view", scope: "anonymous" })).id, link.id);
assert.deepEqual(await opened(link.link), { status: 200, text: "graph" });
const listed = await client.api(`${item}/permissions`).get();
assert(listed.value.some((one) => one.id === link.id));
await client.api(`${item}/permissions/${link.id}`).delete();
assert.equal((await opened(link.link)).status, 404);

const { graph } = await run("@microsoft/msgraph-sdk", "graph");
// What else it has of drives is no package yet.
assert.equal((await graph.users.byUserId("alice").drive.get()).id, drive.id);

const { accessToken, application } = await run("@azure/msal-node", "accessToken, application");
const api = async (method, path, body) => {
  const headers = { authorization: `Bearer ${accessToken}`, "content-type": "application/json" };
  const answer = await fetch(`${secure}/v1.0${path}`, { method, headers, body });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
};
const put = await api("PUT", "/me/drive/root:/msal.txt:/content", "msal");
assert.equal(put.status, 201);
const mine = `/me/drive/items/${put.body.id}`;
const asked = JSON.stringify({ type: "view" });
const shared = await api("POST", `${mine}/createLink`, asked);
assert.deepEqual([shared.status, (await api("POST", `${mine}/createLink`, asked)).status], [201, 200]);
assert.deepEqual(await opened(shared.body.link), { status: 200, text: "msal" });
assert.equal((await api("DELETE", `${mine}/permissions/${shared.body.id}`)).status, 204);
assert.equal((await opened(shared.body.link)).status, 404);
const device = await application.acquireTokenByDeviceCode({
  scopes: ["Files.ReadWrite"],
  deviceCodeCallback: ({ userCode, verificationUri }) =>
    fetch(verificationUri, { method: "POST", body: new URLSearchParams({ user_code: userCode, as: "dora" }) }),
});
assert.equal(device.account.username, "dora");
console.log("ok");
