import type { Logger } from '../../kernel/index.ts';

/** JSON lines on standard error, which the keeper writes to logs/egress.log; every line passes the redactor (K2). */
export function errorStreamLogger(redact: (text: string) => string): Logger {
  const write = (level: number, message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    const line = {
      level,
      time: new Date().toISOString(),
      name: 'egress',
      pid: process.pid,
      ...fields,
      message,
    };
    process.stderr.write(`${redact(JSON.stringify(line))}\n`);
  };
  return {
    info: (message, fields) => write(30, message, fields),
    warn: (message, fields) => write(40, message, fields),
    error: (message, fields) => write(50, message, fields),
  };
}
