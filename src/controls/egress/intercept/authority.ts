import { createHash, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { authorityCertificate, hostCertificate } from './certificate.ts';

const DAY_MS = 86_400_000;
/** How long an authority is used, and how long before its end a new one takes over. */
const AUTHORITY_MS = 90 * DAY_MS;
export const AUTHORITY_RENEW_MS = 30 * DAY_MS;
/** How long a host's certificate is valid, and how much of that has to be left when it is used again. */
const HOST_MS = DAY_MS;
const HOST_LEFT_MS = DAY_MS / 2;
/** Clocks inside and outside are the same; programs that round are not. */
const BACKDATE_MS = 3_600_000;
/** Hosts whose certificates are kept; the one used longest ago is forgotten (attack 93). */
export const MAX_HOST_CERTIFICATES = 256;

/** What lies in the key folder. */
export interface AuthorityFiles {
  /** PEM, PKCS #8. */
  readonly key: KeyObject;
  /** PEM. */
  readonly certificate: string;
}

/** A new authority for this install; `now` in Unix milliseconds. */
export function createAuthority(now: number): AuthorityFiles {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `Interception inside runs ${new Date(now).toISOString().slice(0, 10)}`;
  const certificate = authorityCertificate(
    { name, key },
    { from: now - BACKDATE_MS, to: now + AUTHORITY_MS },
  );
  return { key, certificate };
}

interface HostEntry {
  readonly context: SecureContext;
  readonly until: number;
}

/**
 * Signs certificates for intercepted hosts, for the run's side of a tunnel only. All of one process share one key
 * pair that exists in memory alone.
 */
export class InterceptionAuthority {
  /** PEM. */
  readonly certificate: string;
  /** SHA-256 of the certificate in lower-case hex. */
  readonly fingerprint: string;
  /** Unix milliseconds. */
  readonly expires: number;
  readonly #name: string;
  readonly #key: KeyObject;
  readonly #hostKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  readonly #hosts = new Map<string, HostEntry>();

  constructor({ key, certificate }: AuthorityFiles) {
    const parsed = new X509Certificate(certificate);
    this.certificate = certificate;
    this.fingerprint = createHash('sha256').update(parsed.raw).digest('hex');
    this.expires = parsed.validToDate.getTime();
    this.#name = /^CN=(.*)$/m.exec(parsed.subject)?.[1] ?? '';
    this.#key = key;
  }

  /** Whether a new one should take over. */
  due(now: number): boolean {
    return now > this.expires - AUTHORITY_RENEW_MS;
  }

  get hosts(): number {
    return this.#hosts.size;
  }

  /** What the run's side of a tunnel to this host is served with. */
  async contextFor(host: string, now: number): Promise<SecureContext> {
    const known = this.#hosts.get(host);
    this.#hosts.delete(host);
    if (known !== undefined && known.until - now > HOST_LEFT_MS) {
      this.#hosts.set(host, known);
      return known.context;
    }
    const until = Math.min(now + HOST_MS, this.expires);
    const validity = { from: now - BACKDATE_MS, to: until };
    const cert = hostCertificate({ name: this.#name, key: this.#key }, host, this.#hostKey, validity);
    const context = await serverContext(cert, this.#hostKey);
    this.#hosts.set(host, { context, until });
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > MAX_HOST_CERTIFICATES && oldest !== undefined) this.#hosts.delete(oldest);
    return context;
  }
}

/** Without tickets nothing of one connection can be taken up by another, be it of another run (attacks 47, 48). */
async function serverContext(cert: string, key: KeyObject): Promise<SecureContext> {
  const { createSecureContext } = await import('node:tls');
  const { SSL_OP_NO_TICKET } = process.getBuiltinModule('node:constants') as unknown as {
    SSL_OP_NO_TICKET: number;
  };
  return createSecureContext({
    cert,
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    minVersion: 'TLSv1.2',
    secureOptions: SSL_OP_NO_TICKET,
  });
}
