import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Decision } from '../../kernel/index.ts';
import { codedRefusal } from './record.ts';
import type { Target } from './types.ts';

export interface UpstreamTls {
  /** Milliseconds for the handshake. */
  readonly timeoutMs: number;
  /** Further certificate authorities in PEM; the public ones always count. */
  readonly ca?: string;
  /** Protocols that are offered; HTTP/1.1 when absent, none when empty. */
  readonly alpn?: readonly string[];
}

/**
 * TLS to a host whose certificate is always checked against its name, whatever the environment says (attack 45).
 * Nothing of an earlier connection is taken up (attack 47), and no request is sent early (attack 48).
 *
 * @throws EGRESS_UPSTREAM_TLS
 */
export async function secureUpstream(
  socket: Socket,
  target: Target,
  decision: Decision,
  { timeoutMs, ca, alpn = ['http/1.1'] }: UpstreamTls,
): Promise<TLSSocket> {
  const { connect, rootCertificates } = await import('node:tls');
  const { host, literal } = target;
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket,
      host,
      ...(literal === 0 ? { servername: host } : {}),
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
    });
    const fail = (cause?: Error): void => {
      secure.destroy();
      reject(codedRefusal('EGRESS_UPSTREAM_TLS', target, decision, undefined, cause));
    };
    const timer = setTimeout(fail, timeoutMs);
    secure.once('error', fail);
    secure.once('secureConnect', () => {
      clearTimeout(timer);
      secure.off('error', fail);
      resolve(secure);
    });
    secure.once('close', () => clearTimeout(timer));
  });
}
