import type { Finding } from '../../kernel/index.ts';
import { LISTEN_CODES } from './codes.ts';

const DAY_MS = 86_400_000;
/** Days before the end of a certificate from which on somebody is told. */
const CERTIFICATE_DAYS = 14;

/** A certificate that a listener shows. */
export interface ListenerCertificate {
  readonly plane: string;
  readonly address: string;
  /** Unix milliseconds. */
  readonly expires: number;
}

/** Certificates of listeners that end soon or have ended (L7). */
export function checkCertificates(
  certificates: readonly ListenerCertificate[],
  now: number,
): readonly Finding[] {
  const { code, fix } = LISTEN_CODES.error('LISTEN_CERTIFICATE_ENDS');
  return certificates.flatMap(({ plane, address, expires }): readonly Finding[] => {
    const days = Math.floor((expires - now) / DAY_MS);
    if (days >= CERTIFICATE_DAYS) return [];
    const when = days < 0 ? 'has ended' : `ends in ${days} days`;
    return [
      {
        id: code,
        severity: days < 3 ? 'critical' : 'high',
        title: `the certificate of ${address} (${plane}) ${when}`,
        expected: `at least ${CERTIFICATE_DAYS} days`,
        found: new Date(expires).toISOString(),
        fix,
        requirements: ['L7', 'D2'],
      },
    ];
  });
}
