import { join } from 'node:path';
import { type DestinationStream, pino } from 'pino';
import { withoutTokens } from '../controls/secrets/index.ts';
import type { Logger } from '../kernel/index.ts';

/** A log file whose level can follow the configuration. */
export interface FileLogger extends Logger {
  readonly file: string;
  setLevel(level: 'error' | 'warn' | 'info' | 'debug'): void;
}

/** JSON lines to logs/<name>.log, flushed by line so that a crash keeps the reason for it. */
export function fileLogger(logs: string, name: string): FileLogger {
  const file = join(logs, `${name}.log`);
  const destination = pino.destination({ dest: file, sync: true, mkdir: false, mode: 0o600, append: true });
  const guarded: DestinationStream = { write: (line: string) => destination.write(withoutTokens(line)) };
  const log = pino(
    { name, base: { pid: process.pid }, messageKey: 'message', timestamp: pino.stdTimeFunctions.isoTime },
    guarded,
  );
  return {
    file,
    setLevel: (level) => {
      log.level = level;
    },
    info: (message, fields) => log.info({ ...fields }, message),
    warn: (message, fields) => log.warn({ ...fields }, message),
    error: (message, fields) => log.error({ ...fields }, message),
  };
}
