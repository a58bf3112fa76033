import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { withoutCredentials, withoutTokens } from '../controls/secrets/index.ts';
import type { Logger } from '../kernel/index.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** pino's numbers, which log tools know; the library itself costs each process 9 MB at rest. */
const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** Bytes of one log file; then it becomes `<name>.log.1`, and the one before it is gone (attack 94). */
export const MAX_LOG_BYTES = 32 * 1024 * 1024;

/** A logger whose level can follow the configuration. */
export interface LeveledLogger extends Logger {
  setLevel(level: LogLevel): void;
}

export interface FileLogger extends LeveledLogger {
  readonly file: string;
}

/** JSON lines; every line passes the redactor before it reaches the sink (K2). */
function jsonLines(
  name: string,
  redact: (text: string) => string,
  sink: (line: string) => void,
): LeveledLogger {
  let threshold = LEVELS.info;
  const log =
    (level: number) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      if (level < threshold) return;
      const line = { level, time: new Date().toISOString(), name, pid: process.pid, ...fields, message };
      sink(`${redact(JSON.stringify(line))}\n`);
    };
  return {
    setLevel: (level) => {
      threshold = LEVELS[level];
    },
    info: log(LEVELS.info),
    warn: log(LEVELS.warn),
    error: log(LEVELS.error),
  };
}

/** To logs/<name>.log, line by line, so that a crash keeps the reason for it; bounded by one rotation. */
export function fileLogger(logs: string, name: string, maxBytes = MAX_LOG_BYTES): FileLogger {
  const file = join(logs, `${name}.log`);
  const open = () => openSync(file, 'a', 0o600);
  let descriptor = open();
  let size = fstatSync(descriptor).size;
  const sink = (line: string) => {
    size += writeSync(descriptor, line);
    if (size < maxBytes) return;
    closeSync(descriptor);
    renameSync(file, `${file}.1`);
    descriptor = open();
    size = 0;
  };
  return { file, ...jsonLines(name, withoutCredentials, sink) };
}

/** To standard error, which the keeper appends to logs/egress.log. */
export function errorStreamLogger(name: string, redact: (text: string) => string): LeveledLogger {
  return jsonLines(
    name,
    (text) => withoutTokens(redact(text)),
    (line) => process.stderr.write(line),
  );
}
