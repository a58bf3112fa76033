import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  AUTH_CODES,
  type ClientCertificate,
  type ProxyIdentity,
  type ProxyRefusal,
  readProxyIdentity,
} from '../../controls/auth/index.ts';
import { inBlocks, LISTEN_CODES } from '../../controls/listen/index.ts';
import type { GatehouseError } from '../../kernel/index.ts';
import type { HttpSurfaceParts } from './parts.ts';

/**
 * Whom the transport of a request proves: the client certificate of the handshake, or what a listed proxy says. The
 * certificate of a listed proxy is the proxy's own and says nothing about whom it speaks for.
 */
export function transportIdentity(
  parts: Pick<HttpSurfaceParts, 'rules' | 'proxyIdentity'>,
  request: IncomingMessage,
  tcpPeer: string,
): ProxyIdentity | { readonly refusal: GatehouseError } {
  const isListed = inBlocks(parts.rules().trustedProxies, tcpPeer);
  const settings = parts.proxyIdentity?.();
  if (settings !== undefined) {
    const said = readProxyIdentity(request.rawHeaders, isListed, settings);
    if ('refusal' in said) return { refusal: errorOf(said.refusal) };
    if (isListed) return said;
  }
  const certificate = isListed ? undefined : verifiedCertificate(request);
  return certificate === undefined ? {} : { certificate };
}

function errorOf(refusal: ProxyRefusal): GatehouseError {
  if (refusal === 'untrusted') return LISTEN_CODES.error('LISTEN_PROXY_NOT_TRUSTED');
  return refusal === 'user'
    ? AUTH_CODES.error('AUTH_IDENTITY_UNKNOWN')
    : AUTH_CODES.error('AUTH_PROXY_HEADER_INVALID');
}

/** What a TLS socket has beyond a plain one. */
interface Handshake {
  readonly encrypted?: boolean;
  readonly authorized?: boolean;
  getPeerX509Certificate?(): X509Certificate | undefined;
}

/** Only a certificate that the handshake checked against the listener's authorities. */
function verifiedCertificate({ socket }: IncomingMessage): ClientCertificate | undefined {
  const tls = socket as Handshake;
  if (tls.encrypted !== true || tls.authorized !== true) return undefined;
  const certificate = tls.getPeerX509Certificate?.();
  if (certificate === undefined) return undefined;
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: certificate.subject.replaceAll('\n', ', '),
  };
}
