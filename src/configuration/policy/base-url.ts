import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';

export interface BaseUrlRequest {
  readonly baseUrl: string;
  readonly apiKey: unknown;
  readonly at: readonly Segment[];
}

export interface BaseUrlPlace {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly host: string;
  readonly port: number;
  /** Of the base, without a slash at its end. */
  readonly path: string;
  /** Not over TLS. */
  readonly plain: boolean;
}

/** 127.0.0.0/8, ::1 and localhost: the key does not leave the machine (RFC 6890, RFC 6761 section 6.3). */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/**
 * Where a provider is. Judged by the egress control from the raw text, so that what is compared is what is dialled
 * (attack 6). A key never travels in the clear to another machine. Undefined when it cannot be used.
 */
export async function judgeBaseUrl(
  { baseUrl, apiKey, at }: BaseUrlRequest,
  issues: Issues,
): Promise<BaseUrlPlace | undefined> {
  const refuse = (message: string): undefined => {
    issues.error([...at, 'baseUrl'], 'CONFIG_PROVIDER_URL', { message });
    return undefined;
  };
  const { judgeUrl } = await import('../../controls/egress/index.ts');
  const judged = judgeUrl(baseUrl);
  if (!judged.ok) return refuse(judged.message);
  const { scheme, target, path } = judged.url;
  if (path.includes('?')) return refuse('the address holds a query');
  if (!/^[A-Za-z0-9._~/-]*$/.test(path) || /\/\.{0,2}(?:\/|$)/.test(path.replace(/\/+$/, '')))
    return refuse('the path of the address is not plain');
  if (scheme === 'http' && apiKey !== undefined && !isThisMachine(target.host)) {
    return refuse('the key would travel in the clear: use https, or leave apiKey out');
  }
  return {
    baseUrl: baseUrl.replace(/\/+$/, ''),
    host: target.host,
    port: target.port,
    path: path.replace(/\/+$/, ''),
    plain: scheme === 'http',
  };
}
