import { createHash, generateKeyPairSync } from 'node:crypto';
import { type Drill, NotApplicable } from '../../../kernel/index.ts';
import { type AuthRange, call, connect, door, REFUSED, refusalOf, SPIKE, tried } from './client.ts';

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const common = { event: REFUSED, alert: SPIKE } as const;

/** Ways in besides tokens: browsers, devices, identity providers, proxies. */
export const OTHER_DRILLS: readonly Drill<AuthRange>[] = [
  {
    ...common,
    id: 'auth.forged-cookie',
    title: 'a session cookie that no login made',
    requirements: ['A7'],
    attacks: [80],
    codes: ['AUTH_SESSION_INVALID'],
    rule: 'digests of browser sessions',
    async run(range) {
      const mark = range.mark();
      const target = door(range);
      const secret = createHash('sha256').update(mark.id).digest('base64url');
      const headers = [
        ['Cookie', `${range.sessionCookie(target)}=${secret}`],
        ['Sec-Fetch-Site', 'same-origin'],
      ] as const;
      const again = async () =>
        refusalOf(await range.http(target, mark, { path: '/login/session', headers }));
      return [await tried(range, 'GET /login/session with a made-up session cookie', mark, again)];
    },
  },
  {
    ...common,
    id: 'auth.guessed-login-link',
    title: 'a one-time login code that was guessed',
    requirements: ['A7', 'L9'],
    attacks: [78],
    codes: ['AUTH_LOGIN_CODE_INVALID'],
    rule: 'digests of one-time codes',
    async run(range) {
      const mark = range.mark();
      const headers = [
        ['Content-Type', 'application/json'],
        ['Sec-Fetch-Site', 'same-origin'],
      ] as const;
      const code = createHash('sha256').update(mark.id).digest('base64url');
      const asked = { method: 'POST', path: '/login/session', headers, body: JSON.stringify({ code }) };
      const again = async () => refusalOf(await range.http(door(range), mark, asked));
      return [await tried(range, 'POST /login/session with a guessed code', mark, again)];
    },
  },
  {
    ...common,
    id: 'auth.forged-device',
    title: 'a device that does not hold the key that it shows',
    requirements: ['A6'],
    attacks: [80],
    codes: ['AUTH_DEVICE_SIGNATURE_INVALID'],
    rule: "the device's Ed25519 signature over this connection",
    async run(range) {
      const mark = range.mark();
      const { publicKey } = generateKeyPairSync('ed25519');
      const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
      const device = {
        id: createHash('sha256').update(raw).digest('hex'),
        publicKey: raw.toString('base64url'),
        signature: Buffer.alloc(64, 7).toString('base64url'),
      };
      const again = async () => {
        const { socket, refusal } = await connect(range, mark, (nonce) => ({
          role: 'operator',
          scopes: ['operator.read'],
          device: { ...device, nonce, signedAt: Date.now() },
        }));
        socket.close();
        return refusal;
      };
      return [await tried(range, "connect with somebody's public key and a made-up signature", mark, again)];
    },
  },
  {
    ...common,
    id: 'auth.unsigned-oidc-token',
    title: "a bearer token that says it is the identity provider's and is signed by nobody",
    requirements: ['A5'],
    attacks: [80],
    codes: ['AUTH_OIDC_TOKEN_INVALID'],
    rule: 'gateway.auth.oidc',
    async run(range) {
      const [provider] = range.issuers;
      if (provider === undefined)
        throw new NotApplicable('no identity provider is configured (gateway.auth.oidc)');
      const mark = range.mark();
      const now = Math.floor(Date.now() / 1_000);
      const claims = { iss: provider.issuer, aud: provider.audience, sub: mark.id, iat: now, exp: now + 300 };
      const token = `${base64url({ alg: 'none', typ: 'JWT' })}.${base64url(claims)}.${Buffer.from('drill').toString('base64url')}`;
      const again = async () => refusalOf(await call(range, mark, token));
      return [await tried(range, `a token of ${provider.issuer} with alg none`, mark, again)];
    },
  },
  {
    ...common,
    id: 'auth.forged-proxy-identity',
    title: 'a user or certificate header from a peer that is no listed proxy',
    requirements: ['A6', 'L6'],
    attacks: [79],
    codes: ['LISTEN_PROXY_NOT_TRUSTED'],
    rule: 'gateway.auth.trustedProxy',
    async run(range) {
      const [name] = range.proxyHeaders;
      if (name === undefined)
        throw new NotApplicable('no proxy is believed about users (gateway.auth.trustedProxy)');
      const mark = range.mark();
      const headers = [[name, 'admin']] as const;
      const again = async () => refusalOf(await range.http(door(range), mark, { path: '/healthz', headers }));
      return [await tried(range, `${name}: admin`, mark, again)];
    },
  },
];
