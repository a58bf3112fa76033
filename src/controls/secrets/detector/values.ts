/** Shortest value that a key name alone makes a credential, in ordinary text and in files that hold settings. */
const MIN_VALUE = 8;
const MIN_SETTING = 4;

/** What people write where a credential will go, and what programs write instead of one. */
const STAND_IN =
  /^(?:x+|\*+|\.+|-+|_+|0+|your[-_ ].*|my[-_ ].*|example.*|change[-_ ]?me.*|placeholder.*|redacted.*|removed.*|dummy.*|test|none|null|nil|true|false|undefined|todo|tbd|required|optional|string|secret|password|token|<.*>|\[.*\]|\{\{.*|\$.*|%.*%|@.*)$/i;

/** Keys of which the value is about a credential and not the credential. */
const ABOUT =
  /(?:hash|digest|id|ids|name|names|type|kind|count|length|size|limit|max|min|ttl|url|uri|path|file|dir|folder|expiry|expires|expiration|age|at|header|prefix|suffix|field|column|env|policy|rule|rules|regex|pattern|format|version|usage|used|tokens|enabled|required|strength|hint|label)$/i;

/** Whether a key name says that its value is a credential. */
export function namesCredential(key: string): boolean {
  const plain = key.replace(/[-_.\s]/g, '');
  if (ABOUT.test(plain)) return false;
  return /secret|token|passw(?:or)?d|passphrase|apikey|accesskey|privatekey|signingkey|encryptionkey|masterkey|credential|authkey|pgpass|^pass$|pwd$/i.test(
    plain,
  );
}

/** Bits per character by Shannon. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/**
 * Whether a value beside a key that names a credential is one. In ordinary text (code, prose) it has to look random:
 * letters and digits, and enough of both kinds of variety. In a file that only holds settings almost anything counts.
 */
export function looksSecret(value: string, settings: boolean): boolean {
  if (value.length < (settings ? MIN_SETTING : MIN_VALUE) || STAND_IN.test(value)) return false;
  if (settings) return !/^\d{1,5}$/.test(value) && !/^(?:\.{0,2}\/)[\w./-]*$/.test(value);
  if (!/[A-Za-z]/.test(value) || !/\d/.test(value)) return false;
  // Calls, member accesses and paths are code, not values.
  if (/[()]|=>|^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$|^[./~]|^[a-z]+:\/\//.test(value)) return false;
  return new Set(value).size >= 6 && entropy(value) >= 2.8;
}
