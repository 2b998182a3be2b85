// What the provider is told: its keys, its clients, and what tokens say.
//
// In: keys, and what the tests set at run time. Out: the configuration of an
// oidc-provider. The names here are repeated in tests/src/provider.rs.
//
//   resource              tokens for the audience `valkey`
//   urn:valkey:RS256      JWT, signed with RS256
//   urn:valkey:ES256      JWT, signed with ES256
//   urn:valkey:opaque     opaque, for introspection

import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';

import { Memory } from './memory.mjs';

export const SCOPES = 'cache.read cache.write';
const AUDIENCE = 'valkey';
// Claims of these names reach userinfo, whatever scope beside `openid` was granted.
const USERINFO = ['sub', 'groups', 'roles', 'tenant', 'email', 'email_verified', 'name', 'preferred_username'];

// One key for each algorithm, the number of the rotation in its id.
export function newKeys(rotation) {
  const kinds = {
    RS256: ['rsa', { modulusLength: 2048 }],
    ES256: ['ec', { namedCurve: 'P-256' }],
  };
  return Object.entries(kinds).map(([alg, [type, options]]) => {
    const { privateKey } = generateKeyPairSync(type, options);
    const kid = `${alg.toLowerCase()}-${rotation}`;
    return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  });
}

// What a token for this resource is like; the newest key of the algorithm signs it.
export function resourceServer(resource, keys) {
  const format = /^urn:valkey:(RS256|ES256|opaque)$/.exec(resource)?.[1];
  if (!format) throw new Error(`no resource ${resource}`);
  const common = { audience: AUDIENCE, scope: SCOPES };
  if (format === 'opaque') return { ...common, accessTokenFormat: 'opaque' };
  const { kid } = keys.find((key) => key.alg === format);
  return { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg: format, kid } } };
}

function clients(selfSigned) {
  const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
  const list = [
    {
      client_id: 'basic', client_secret: 'secret-of-basic', token_endpoint_auth_method: 'client_secret_basic', ...machine,
    },
    {
      client_id: 'post', client_secret: 'secret-of-post', token_endpoint_auth_method: 'client_secret_post', ...machine,
    },
    {
      client_id: 'mutual', token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: 'CN=mutual', ...machine,
    },
    // Whom people log in with: the tests mint its tokens without a browser.
    {
      client_id: 'people', client_secret: 'secret-of-people', redirect_uris: ['https://people.example.com/'],
    },
  ];
  if (selfSigned) {
    list.push({
      client_id: 'self-signed', token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [keyOf(selfSigned)] }, ...machine,
    });
  }
  return list;
}

function keyOf(pem) {
  const certificate = new X509Certificate(pem);
  return {
    ...certificate.publicKey.export({ format: 'jwk' }),
    use: 'sig',
    x5c: [certificate.raw.toString('base64')],
    'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url'),
  };
}

// `claims(token)` gives what a token shall say beside the registered claims, also to
// introspection and userinfo.
export function configuration({ keys, selfSigned, claims }) {
  return {
    adapter: Memory,
    cookies: { keys: ['nobody here has a cookie'] },
    jwks: { keys },
    clients: clients(selfSigned),
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'tls_client_auth', 'self_signed_tls_client_auth', 'none',
    ],
    scopes: ['openid', ...SCOPES.split(' ')],
    claims: { openid: USERINFO },
    extraTokenClaims: (_ctx, token) => claims(token),
    findAccount: (_ctx, sub, token) => ({
      accountId: sub,
      claims: () => ({ ...token?.extra, sub }),
    }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      // Whoever asks is told: a resource server asks about tokens of other clients.
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      userinfo: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:valkey:RS256',
        getResourceServerInfo: (_ctx, resource) => resourceServer(resource, keys),
      },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: (ctx) => ctx.socket.getPeerX509Certificate(),
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_subject_dn'
          && ctx.socket.getPeerX509Certificate().subject.split('\n').join(',') === expected,
      },
    },
    ttl: {
      Grant: 86400,
      AccessToken: 300,
      ClientCredentials: 300,
    },
  };
}
