import type { Credential } from './types.ts';
import { looksSecret, namesCredential } from './values.ts';

/** Longest private key that is one block; what goes on is hidden to the end of its base64 lines. */
const MAX_KEY_CHARS = 32_768;
/** Shortest body of a key block; documentation shows `...` in its place. */
const MIN_KEY_CHARS = 24;

function* matches(
  pattern: RegExp,
  text: string,
): Generator<RegExpExecArray & { indices: RegExpIndicesArray }> {
  for (const match of text.matchAll(pattern)) {
    if (match.indices !== undefined) yield match as RegExpExecArray & { indices: RegExpIndicesArray };
  }
}

function grouped(pattern: RegExp, rule: string, text: string, group = 1): Credential[] {
  const found: Credential[] = [];
  for (const { indices } of matches(pattern, text)) {
    const [start, end] = indices[group] ?? [0, 0];
    if (end > start) found.push({ start, end, rule });
  }
  return found;
}

/** Gatehouse's own tokens and those of its links; the id before the secret is not hidden. */
const GATEHOUSE = /gth_[0-9A-Za-z]{4,32}_([0-9A-Za-z]{16,64}(?:_[0-9A-Za-z]{1,16})?)/dg;

/** Userinfo of a URL (RFC 3986, section 3.2.1) with a password; looked for from `://`, which is rare, backwards. */
const URL_PASSWORD =
  /(?<=[a-z][a-z0-9+.-]{1,20}):\/\/[^\s:/?#@"'`<>\\]{0,128}:([^\s/?#@"'`<>\\]{3,256})@[A-Za-z0-9.[-]/dgi;

const BEARER =
  /authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic|token)\s{1,4}([A-Za-z0-9+/=._~-]{12,4096})/dgi;

/** `AKIA…` names an account's key; with the secret it is enough, alone it tells whose it is. */
const AWS_KEY_ID = /(?<![A-Za-z0-9])((?:AKIA|ASIA)[A-Z2-7]{16})(?![A-Za-z0-9])/dg;

/** npm's own format; what `.npmrc` holds beside it is known from the name of the file. */
const NPM = /(?<![A-Za-z0-9_])(npm_[A-Za-z0-9]{36})(?![A-Za-z0-9])/dg;

/** Three base64url parts of which the first begins like `{"`. */
const JWT = /(?<![\w-])(eyJ[A-Za-z0-9_-]{10,2048}\.eyJ[A-Za-z0-9_-]{10,4096}\.[A-Za-z0-9_-]{16,2048})/dg;

const KEY_BEGIN = /-----BEGIN ((?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?)-----/dg;

/** Base64 as it stands in a file, or in a JSON string with its line ends as escapes. */
const KEY_BODY = /^(?:[A-Za-z0-9+/=\s]|\\[nr])*/;

/** The body between the marks of private keys; one that was cut off goes as far as its base64. */
function privateKeys(text: string): Credential[] {
  const found: Credential[] = [];
  for (const match of matches(KEY_BEGIN, text)) {
    const start = match.index + match[0].length;
    if ((found.at(-1)?.end ?? 0) > start) continue;
    const block = text.slice(start, start + MAX_KEY_CHARS);
    const end = block.indexOf(`-----END ${match[1]}`);
    const length = end >= 0 ? end : (KEY_BODY.exec(block)?.[0].length ?? 0);
    if (length > MIN_KEY_CHARS) found.push({ start, end: start + length, rule: 'private-key' });
  }
  return found;
}

/** `name = value` in any of the ways that shells, code, YAML, JSON and INI files write it. */
const ASSIGNMENT =
  /(?<![A-Za-z0-9_])["'`]?([A-Za-z][A-Za-z0-9_.-]{2,63})["'`]?[ \t]{0,8}(?:=>|:=|[:=])[ \t]{0,8}(?:(?:export|const|let|str)[ \t])?(?:"([^"\r\n]{4,4096})"|'([^'\r\n]{4,4096})'|`([^`\r\n]{4,4096})`|([^\s"'`,;<>{}[\]]{4,4096}))/dg;

function assignments(text: string, settings: boolean): Credential[] {
  const found: Credential[] = [];
  for (const match of matches(ASSIGNMENT, text)) {
    if (!namesCredential(match[1] ?? '')) continue;
    const at = [2, 3, 4, 5].find((group) => match[group] !== undefined) ?? 5;
    const value = match[at] ?? '';
    const [start, end] = match.indices[at] ?? [0, 0];
    // A key block in quotes is found as one, with its marks left standing.
    if (value.startsWith('-----BEGIN')) continue;
    if (looksSecret(value, settings)) found.push({ start, end, rule: 'assignment' });
  }
  return found;
}

/** What Gatehouse itself knows, beside the kept rules. `settings`: the file holds nothing but settings. */
export function ownRules(text: string, settings: boolean): readonly Credential[] {
  return [
    ...grouped(GATEHOUSE, 'gatehouse', text),
    ...privateKeys(text),
    ...grouped(URL_PASSWORD, 'url-password', text),
    ...grouped(BEARER, 'authorization', text),
    ...grouped(AWS_KEY_ID, 'aws-key-id', text),
    ...grouped(NPM, 'npm', text),
    ...grouped(JWT, 'jwt', text),
    ...assignments(text, settings),
  ];
}

export { grouped };
