import { createHash, X509Certificate } from 'node:crypto';
import type { ClientCertificate } from '../types.ts';

/** `gateway.auth.trustedProxy`: headers in which a listed proxy says whom it has authenticated. */
export interface ProxyIdentitySettings {
  readonly userHeader?: string | undefined;
  readonly certificateHeader?: string | undefined;
  /** Headers that must come along, not empty, whenever one of the above does. */
  readonly requiredHeaders?: readonly string[] | undefined;
  /** The only users that may come this way; absent leaves it to the principals' identities. */
  readonly allowUsers?: readonly string[] | undefined;
}

export interface ProxyIdentity {
  readonly proxyUser?: string;
  readonly certificate?: ClientCertificate;
}

/** `untrusted`: said by somebody who is no listed proxy. */
export type ProxyRefusal = 'untrusted' | 'invalid' | 'user';

const MAX_USER = 256;
const MAX_CERTIFICATE = 8_192;
/** Printable, no comma (two values in one), no blank at an end. Latin-1 bytes above ASCII have no agreed meaning. */
const USER = /^[\x21-\x2b\x2d-\x7e](?:[\x20-\x2b\x2d-\x7e]*[\x21-\x2b\x2d-\x7e])?$/;
const FINGERPRINT = /^(?:[0-9a-f]{64}|[0-9a-f]{2}(?::[0-9a-f]{2}){31})$/;

/**
 * Read the identity headers of one request. Only a listed proxy may say anything in them; from anybody else, this
 * machine included, their presence alone refuses (L6, attack 79). A value that comes twice, joined by a comma,
 * empty or with control characters is none (attack 24).
 */
export function readProxyIdentity(
  rawHeaders: readonly string[],
  isListedProxy: boolean,
  settings: ProxyIdentitySettings,
): ProxyIdentity | { readonly refusal: ProxyRefusal } {
  const valuesOf = (name: string | undefined): readonly string[] => valuesIn(rawHeaders, name?.toLowerCase());
  const users = valuesOf(settings.userHeader);
  const certificates = valuesOf(settings.certificateHeader);
  if (users.length === 0 && certificates.length === 0) return {};
  if (!isListedProxy) return { refusal: 'untrusted' };
  const isComplete = (settings.requiredHeaders ?? []).every((name) => {
    const values = valuesOf(name);
    return values.length === 1 && values[0] !== '';
  });
  if (!isComplete) return { refusal: 'invalid' };
  const proxyUser = users.length === 0 ? undefined : single(users, readUser);
  const certificate = certificates.length === 0 ? undefined : single(certificates, readCertificate);
  if ((users.length > 0 && proxyUser === undefined) || (certificates.length > 0 && certificate === undefined))
    return { refusal: 'invalid' };
  if (
    proxyUser !== undefined &&
    settings.allowUsers !== undefined &&
    !settings.allowUsers.includes(proxyUser)
  )
    return { refusal: 'user' };
  return {
    ...(proxyUser === undefined ? {} : { proxyUser }),
    ...(certificate === undefined ? {} : { certificate }),
  };
}

function valuesIn(rawHeaders: readonly string[], wanted: string | undefined): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    // Proxies and CGI-like parts take `_` for `-`: who sends one form may mean the other.
    if (rawHeaders[i]?.toLowerCase().replaceAll('_', '-') === wanted?.replaceAll('_', '-'))
      values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

function single<T>(values: readonly string[], read: (text: string) => T | undefined): T | undefined {
  const [value, ...more] = values;
  return value === undefined || more.length > 0 ? undefined : read(value);
}

function readUser(text: string): string | undefined {
  return text.length <= MAX_USER && USER.test(text) ? text : undefined;
}

/** The SHA-256 fingerprint in hex, or the certificate itself in percent-encoded PEM (nginx `$ssl_client_escaped_cert`). */
function readCertificate(text: string): ClientCertificate | undefined {
  if (text.length > MAX_CERTIFICATE) return undefined;
  const hex = text.toLowerCase();
  if (FINGERPRINT.test(hex)) return { fingerprint: hex.replaceAll(':', ''), subject: '' };
  try {
    const certificate = new X509Certificate(decodeURIComponent(text));
    const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
    return { fingerprint, subject: certificate.subject.replaceAll('\n', ', ') };
  } catch {
    return undefined;
  }
}
