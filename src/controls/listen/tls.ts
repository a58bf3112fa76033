import { createPrivateKey, X509Certificate } from 'node:crypto';
import { LISTEN_CODES } from './codes.ts';

/** `gateway.tls` and the like, as configured. */
export interface TlsSettings {
  readonly enabled?: boolean;
  readonly certPath?: string;
  readonly keyPath?: string;
  readonly caPath?: string;
  readonly clientAuth?: 'none' | 'optional' | 'required';
}

export interface TlsFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** What a TLS server is made of (RFC 8446). */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  readonly clientAuth: 'none' | 'optional' | 'required';
  /** Unix milliseconds after which clients refuse the certificate. */
  readonly expires: number;
}

function invalid(message: string, cause?: unknown): Error {
  return LISTEN_CODES.error('LISTEN_TLS_INVALID', message, cause === undefined ? {} : { cause });
}

function certificateOf(text: string, what: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw invalid(`${what} holds no certificate in PEM`, cause);
  }
}

/**
 * The material of a listener, checked before anything listens: a certificate that its key does not belong to would
 * only be found out by clients.
 *
 * @param read a file by the path that the configuration names; undefined when it cannot be read
 * @throws LISTEN_TLS_INVALID, LISTEN_TLS_KEY_OPEN
 */
export function tlsMaterial(
  settings: TlsSettings,
  read: (path: string) => TlsFile | undefined,
): TlsMaterial | undefined {
  if (settings.enabled !== true) return undefined;
  const { certPath, keyPath, caPath, clientAuth = caPath === undefined ? 'none' : 'required' } = settings;
  if (certPath === undefined || keyPath === undefined) throw invalid('tls needs certPath and keyPath');
  if (clientAuth !== 'none' && caPath === undefined) throw invalid('clientAuth needs caPath');
  const [cert, key] = [read(certPath), read(keyPath)];
  if (cert === undefined) throw invalid(`${certPath} cannot be read`);
  if (key === undefined) throw invalid(`${keyPath} cannot be read`);
  if ((key.mode & 0o077) !== 0) throw LISTEN_CODES.error('LISTEN_TLS_KEY_OPEN');
  const certificate = certificateOf(cert.text, certPath);
  const ca = caPath === undefined ? undefined : read(caPath);
  if (caPath !== undefined) {
    if (ca === undefined) throw invalid(`${caPath} cannot be read`);
    certificateOf(ca.text, caPath);
  }
  let belongs = false;
  try {
    belongs = certificate.checkPrivateKey(createPrivateKey(key.text));
  } catch (cause) {
    throw invalid(`${keyPath} holds no private key in PEM without a passphrase`, cause);
  }
  if (!belongs) throw invalid('the key does not belong to the certificate');
  const expires = certificate.validToDate.getTime();
  return { cert: cert.text, key: key.text, ca: ca?.text, clientAuth, expires };
}
