import { join } from 'node:path';
import { type DestinationStream, pino } from 'pino';
import type { Logger } from '../kernel/index.ts';

/** Gatehouse's own tokens, wherever they turn up: the id stays, the secret goes (K2, attack 83). */
const TOKEN = /(gth_[0-9A-Za-z]{4,32}_)[0-9A-Za-z]+(?:_[0-9A-Za-z]+)?/g;

export function withoutTokens(text: string): string {
  return text.replace(TOKEN, '$1[removed]');
}

/** JSON lines to logs/<name>.log, flushed by line so that a crash keeps the reason for it. */
export function fileLogger(logs: string, name: string): Logger & { readonly file: string } {
  const file = join(logs, `${name}.log`);
  const destination = pino.destination({ dest: file, sync: true, mkdir: false, mode: 0o600, append: true });
  const guarded: DestinationStream = { write: (line: string) => destination.write(withoutTokens(line)) };
  const log = pino(
    { name, base: { pid: process.pid }, messageKey: 'message', timestamp: pino.stdTimeFunctions.isoTime },
    guarded,
  );
  return {
    file,
    info: (message, fields) => log.info({ ...fields }, message),
    warn: (message, fields) => log.warn({ ...fields }, message),
    error: (message, fields) => log.error({ ...fields }, message),
  };
}
