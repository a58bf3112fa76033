import { lstatSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { CLI_CODES } from './codes.ts';
import type { CliIo } from './io.ts';

/** Where the gateway is, and what proves the caller there. */
export type Target =
  | { readonly kind: 'socket'; readonly socketPath: string }
  | { readonly kind: 'url'; readonly host: string; readonly port: number; readonly token: string };

/** Hosts on which a token may travel unencrypted. */
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** @throws CLI_URL_INVALID, CLI_TOKEN_MISSING */
export function targetOf(env: CliIo['env'], socketPath: string): Target {
  const text = env['GATEHOUSE_URL'] ?? '';
  if (text === '') return { kind: 'socket', socketPath };
  const url = URL.parse(text);
  const bare =
    url !== null && `${url.pathname}${url.search}${url.hash}${url.username}${url.password}` === '/';
  if (!bare || url.protocol !== 'http:' || !LOOPBACK.has(url.hostname))
    throw CLI_CODES.error('CLI_URL_INVALID');
  const token = env['GATEHOUSE_TOKEN'] ?? '';
  if (token === '') throw CLI_CODES.error('CLI_TOKEN_MISSING');
  const port = url.port === '' ? 80 : Number(url.port);
  return { kind: 'url', host: url.hostname.replaceAll(/[[\]]/g, ''), port, token };
}

/** @throws CLI_SOCKET_NOT_PRIVATE when this account may not even look */
function factsOf(folder: string): Stats | undefined {
  try {
    return lstatSync(folder, { throwIfNoEntry: false });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw CLI_CODES.error('CLI_SOCKET_NOT_PRIVATE', `this account cannot look into ${folder}`, {
      fix: 'Set GATEHOUSE_HOME to a folder of yours, or run this as the account that runs Gatehouse.',
      cause,
    });
  }
}

/**
 * The socket proves nothing by itself: what it is worth comes from a folder that only its owner can enter. In
 * a folder that others can write to, somebody else's program could be listening.
 *
 * @returns whether the folder exists
 * @throws CLI_SOCKET_NOT_PRIVATE
 */
export function socketFolderExists(socketPath: string): boolean {
  const folder = dirname(socketPath);
  const facts = factsOf(folder);
  if (facts === undefined) return false;
  const mine = process.getuid === undefined || facts.uid === process.getuid();
  if (facts.isDirectory() && mine && (facts.mode & 0o077) === 0) return true;
  throw CLI_CODES.error('CLI_SOCKET_NOT_PRIVATE', `other accounts can enter ${folder}, or it is not yours`);
}
