// An OpenID provider of a test's own, whose log-in pages take any name and password.
//
//   node provider.mjs SECRET
//
// Prints its address once it is up; a client of any port of this machine may use it.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Installed where the command runs.
const { resolve } = createRequire(join(process.cwd(), 'package.json'));
const { Provider } = await import(pathToFileURL(resolve('oidc-provider')));

const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  clients: [{
    // Of a native application, every port of this machine is taken.
    application_type: 'native',
    client_id: 'everlink',
    client_secret: process.argv[2],
    redirect_uris: ['http://127.0.0.1/signin/callback'],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub'], profile: ['name'] },
  conformIdTokenClaims: false,
  cookies: { keys: [process.argv[2]] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id[0].toUpperCase() + id.slice(1) }),
  }),
});
server.on('request', provider.callback());
console.log(url);
