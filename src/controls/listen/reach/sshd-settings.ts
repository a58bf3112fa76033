/** Settings of sshd by key in lower case, as `sshd -T` prints them (sshd_config(5)). */
export type SshdSettings = ReadonlyMap<string, readonly string[]>;

/** `sshd -T`: a key and its value a line, a key that may come several times repeated. */
export function parseEffective(text: string): SshdSettings {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([a-z0-9]+) (.+)$/.exec(line.trim()) ?? [];
    if (key === undefined || value === undefined) continue;
    const values = settings.get(key);
    if (values === undefined) settings.set(key, [value]);
    else values.push(value);
  }
  return settings;
}

/** What sshd does when nothing is said (OpenSSH 9). */
const DEFAULTS: readonly (readonly [string, string])[] = [
  ['port', '22'],
  ['passwordauthentication', 'yes'],
  ['kbdinteractiveauthentication', 'yes'],
  ['permitrootlogin', 'prohibit-password'],
  ['permitemptypasswords', 'no'],
  ['allowtcpforwarding', 'yes'],
  ['allowstreamlocalforwarding', 'yes'],
  ['allowagentforwarding', 'yes'],
  ['gatewayports', 'no'],
  ['x11forwarding', 'no'],
];
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['challengeresponseauthentication', 'kbdinteractiveauthentication'],
]);
const REPEATED: readonly string[] = ['port', 'listenaddress'];
/** Files that include each other (sshd's own bound). */
const MAX_DEPTH = 16;

export interface ReadSettings {
  readonly settings: SshdSettings;
  /** What the text could not tell: `Match` blocks hold for some logins only, files that cannot be read. */
  readonly unknown: readonly string[];
}

/**
 * The settings that files say, for where sshd itself cannot be asked: the first value of a key counts, `Include` stands
 * where it stands, and everything in a `Match` block is left out and named.
 *
 * @param include texts of the files that an Include's pattern means, in order; undefined for one that cannot be read
 */
export function parseFiles(
  text: string,
  include: (pattern: string) => readonly (string | undefined)[],
): ReadSettings {
  const settings = new Map<string, string[]>();
  const unknown = new Set<string>();
  readInto(text, { settings, unknown, include, depth: 0 });
  for (const [key, value] of DEFAULTS) if (!settings.has(key)) settings.set(key, [value]);
  return { settings, unknown: [...unknown] };
}

interface Reading {
  readonly settings: Map<string, string[]>;
  readonly unknown: Set<string>;
  readonly include: (pattern: string) => readonly (string | undefined)[];
  readonly depth: number;
}

function readInto(text: string, reading: Reading): void {
  const { settings, unknown, include, depth } = reading;
  for (const line of text.split('\n')) {
    const [, name = '', given = ''] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
    const key = ALIASES.get(name.toLowerCase()) ?? name.toLowerCase();
    const value = given.replace(/\s+#.*$/, '').replace(/^"(.*)"$/, '$1');
    if (key === '' || value === '') continue;
    if (key === 'match') {
      unknown.add(`Match ${value}`);
      return;
    }
    if (key === 'include') {
      for (const pattern of value.split(/\s+/)) {
        for (const file of include(pattern)) {
          if (file === undefined || depth >= MAX_DEPTH) unknown.add(`Include ${pattern}`);
          else readInto(file, { ...reading, depth: depth + 1 });
        }
      }
      continue;
    }
    const known = settings.get(key);
    if (known === undefined) settings.set(key, [value]);
    else if (REPEATED.includes(key)) known.push(value);
  }
}
