// The OpenID provider of the integration tests: oidc-provider on a loopback port.
//
// Usage: node provider.mjs MODULES CERTIFICATE KEY CLIENT_AUTHORITY
//
// MODULES is the directory scripts/provider prints; the other three are PEM files.
// On standard input comes a line of JSON for each instruction, on standard output goes a
// line for each answer, and first of all {"issuer": …}. Whatever else there is to
// say goes to standard error. The end of standard input ends the process, so that it
// never outlives the test that started it.
//
// The instructions are for tests only; tokens are minted through the library's own models,
// and everything a client sees is the library's own answer.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

import { configuration, newKeys, resourceServer } from './settings.mjs';

const [modules, certificate, key, clientAuthority] = process.argv.slice(2);
const answerLine = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
console.log = console.error;
console.info = console.error;

const library = createRequire(`${modules}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(library));

let issuer;
let provider;
let handle;
let mode = 'answer';
let rotation = 1;
let keys = newKeys(rotation);
let selfSigned;
const counts = new Map();
const minted = new WeakMap();
const claimsOfClients = new Map();

// A provider's keys and clients are fixed when it is made; what it issued lies in a
// memory of the process and outlives it.
function remake() {
  const claims = (token) => minted.get(token) ?? claimsOfClients.get(token.clientId);
  const next = new Provider(issuer, configuration({ keys, selfSigned, claims }));
  next.on('server_error', (_ctx, error) => console.error(error));
  provider = next;
  handle = next.callback();
}

const answers = {
  answer: (request, response) => handle(request, response),
  // Taken, read and never answered.
  hold: () => {},
  fail: (_request, response) => response.writeHead(503).end(),
  hangUp: (request) => request.socket.destroy(),
};

const server = https.createServer({
  cert: readFileSync(certificate),
  key: readFileSync(key),
  ca: readFileSync(clientAuthority),
  requestCert: true,
  rejectUnauthorized: false,
}, (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
  answers[mode](request, response);
});

async function mint({ subject, claims, resource, scope, seconds }) {
  const client = await provider.Client.find('people');
  const grant = new provider.Grant({ accountId: subject, clientId: client.clientId });
  grant.addOIDCScope('openid');
  if (resource && scope) grant.addResourceScope(resource, scope);
  const token = new provider.AccessToken({
    client,
    accountId: subject,
    grantId: await grant.save(),
    gty: 'authorization_code',
    scope: resource ? scope : 'openid',
    expiresWithSession: false,
    expiresIn: seconds,
  });
  if (resource) {
    token.resourceServer = new provider.ResourceServer(resource, resourceServer(resource, keys));
  }
  minted.set(token, claims);
  return { token: await token.save() };
}

async function revoke({ token }) {
  const found = await provider.AccessToken.find(token) ?? await provider.ClientCredentials.find(token);
  await found?.destroy();
  return { revoked: Boolean(found) };
}

const instructions = {
  mint,
  revoke,
  // The new keys stand first; without the old ones, tokens signed by them are worthless.
  rotate({ keep }) {
    rotation += 1;
    keys = [...newKeys(rotation), ...(keep ? keys : [])];
    remake();
    return { keys: keys.map(({ kid }) => kid) };
  },
  // What tokens say that a client gets for itself.
  claims({ client, claims }) {
    claimsOfClients.set(client, claims);
    return {};
  },
  // Whose certificate client `self-signed` shows.
  trust({ pem }) {
    selfSigned = pem;
    remake();
    return {};
  },
  // Going back to answering ends what was held.
  mode({ mode: next }) {
    if (!answers[next]) throw new Error(`no mode ${next}`);
    if (mode === 'hold' && next !== 'hold') server.closeAllConnections();
    mode = next;
    return {};
  },
  requests: () => ({ counts: Object.fromEntries(counts) }),
};

async function obey(line) {
  try {
    const { instruction, ...rest } = JSON.parse(line);
    answerLine(await instructions[instruction](rest));
  } catch (error) {
    answerLine({ error: String(error?.stack ?? error) });
  }
}

server.listen(0, '127.0.0.1', () => {
  issuer = `https://127.0.0.1:${server.address().port}`;
  remake();
  answerLine({ issuer });
  // One after the other.
  let last = Promise.resolve();
  createInterface({ input: process.stdin })
    .on('line', (line) => { last = last.then(() => obey(line)); })
    .on('close', () => process.exit(0));
});
