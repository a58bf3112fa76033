import { isIP, isIPv4, isIPv6 } from 'node:net';
import { REACH_CODES } from './codes.ts';

/** Login name and host as ssh takes them; both plain enough to stand in a shell, ssh, systemd and XML file as they are. */
export interface SshDestination {
  readonly user: string | undefined;
  readonly host: string;
}

/** POSIX portable user names (IEEE Std 1003.1 section 3.437), never beginning with the hyphen of an option. */
const USER = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
/** Longest host name in text (RFC 1035 section 2.3.4). */
const MAX_NAME = 253;
const MAX_PORT = 65_535;
/** No blank, quote, `%`, `$`, `\`, `;` or control character: those mean something to one of the programs that read it. */
const PATH = /^(?:~\/|\/)[A-Za-z0-9._@+/-]+$/;
const MAX_PATH = 1_024;
const MAX_KEY = 4_096;
const PUBLIC_KEY =
  /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{32,}={0,2}(?: [A-Za-z0-9._@+-]{1,128})?$/;

function isName(text: string): boolean {
  return text.length <= MAX_NAME && text.split('.').every((label) => LABEL.test(label));
}

/** `[user@]host`. @throws REACH_HOST_INVALID for everything that could be more than that, such as `-oProxyCommand=…` */
export function readDestination(text: string): SshDestination {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  const host = text.slice(at + 1);
  const plain = (isIP(host) !== 0 && !host.includes('%')) || isName(host);
  if (!plain || (user !== undefined && !USER.test(user))) throw REACH_CODES.error('REACH_HOST_INVALID');
  return { user, host };
}

/** A host name that a certificate can be for, in lower case. @throws REACH_NAME_INVALID */
export function readServerName(text: string): string {
  // An address is no server name in TLS (RFC 6066 section 3), and `1.2.3.4` is a name by its letters alone.
  if (!isName(text) || isIP(text) !== 0) throw REACH_CODES.error('REACH_NAME_INVALID');
  return text.toLowerCase();
}

/** A word that names an entry or a unit. @throws REACH_NAME_INVALID */
export function readAlias(text: string): string {
  if (!LABEL.test(text)) throw REACH_CODES.error('REACH_NAME_INVALID');
  return text;
}

/** @throws REACH_PORT_INVALID */
export function readPort(port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= MAX_PORT) return port;
  throw REACH_CODES.error('REACH_PORT_INVALID');
}

/** The path of a file, absolute or below the account's home. @throws REACH_PATH_INVALID */
export function readPath(text: string): string {
  const isPlain = text.length <= MAX_PATH && PATH.test(text) && !text.split('/').includes('..');
  if (!isPlain) throw REACH_CODES.error('REACH_PATH_INVALID');
  return text;
}

/** A path for a program that has no home of its own. @throws REACH_PATH_INVALID */
export function readAbsolutePath(text: string): string {
  if (!text.startsWith('/')) throw REACH_CODES.error('REACH_PATH_INVALID');
  return readPath(text);
}

/** `port`, `address:port` or `[address]:port`. @throws REACH_LISTEN_INVALID */
export function readListen(text: string): { readonly address: string; readonly port: number } {
  const parts = /^(?:(?:\[([0-9a-f:.]+)\]|([0-9.]+)):)?([1-9]\d{0,4})$/i.exec(text);
  const [, six, four, port] = parts ?? [];
  const isAddress =
    (six === undefined || isIPv6(six)) && (four === undefined || isIPv4(four)) && Number(port) <= MAX_PORT;
  if (parts === null || !isAddress) throw REACH_CODES.error('REACH_LISTEN_INVALID');
  return { address: six === undefined ? (four ?? '') : `[${six}]`, port: Number(port) };
}

/** One line of a `.pub` file; never a second one, and never options in front. @throws REACH_KEY_INVALID */
export function readPublicKey(text: string): string {
  const line = text.replace(/\r?\n$/, '');
  if (line.length <= MAX_KEY && PUBLIC_KEY.test(line)) return line;
  throw REACH_CODES.error('REACH_KEY_INVALID');
}
