/** How every placeholder of a run begins; nothing else on a machine does. */
export const RUN_PLACEHOLDER_START = 'gatehouse_secret_';
export const RUN_PLACEHOLDER = /^gatehouse_secret_[0-9a-f]{40}$/;

/** Where in a request a run's secret may stand; parsed once from what the operator wrote. */
export type SecretPlace =
  | {
      readonly kind: 'header';
      /** Lower case. */
      readonly name: string;
      /** The whole value is this, as `Bearer `, and the secret behind it. */
      readonly before: string;
      /** The secret is the user name or the password of RFC 7617 credentials. */
      readonly basic: boolean;
    }
  | { readonly kind: 'query'; readonly name: string };

const HEADER = /^([A-Za-z0-9-]{1,64}): ([\x21-\x7e]+ )?\{\}$/;
const QUERY = /^query: ([A-Za-z0-9_.-]{1,64})$/;

/** Headers that say where a request goes or how it is framed; a value put there would change what was decided. */
const NEVER = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'proxy-authorization',
  'accept-encoding',
  'range',
]);

/** `authorization: Bearer {}`, `x-api-key: {}`, `authorization: Basic {}` or `query: key`; undefined for anything else. */
export function parsePlace(text: string): SecretPlace | undefined {
  const query = QUERY.exec(text);
  if (query?.[1] !== undefined) return { kind: 'query', name: query[1] };
  const [, header, before = ''] = HEADER.exec(text) ?? [];
  const name = header?.toLowerCase();
  if (name === undefined || NEVER.has(name) || name.startsWith('x-forwarded-')) return undefined;
  const basic = name === 'authorization' && before.toLowerCase() === 'basic ';
  return { kind: 'header', name, before, basic };
}
