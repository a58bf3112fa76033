import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import {
  EVIDENCE_CODES,
  ledgerKeys,
  MAX_EVIDENCE_LINE,
  verifyEvidence,
  verifyLedgerFile,
} from '../../controls/trace/index.ts';
import { trustedKey } from './attest.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { evidenceLines } from './render/ledger.ts';
import { verifyLines } from './render/reports.ts';

/** First bytes of every SQLite database (https://www.sqlite.org/fileformat.html section 1.3). */
const SQLITE = 'SQLite format 3\0';

function isDatabase(path: string): boolean {
  try {
    const file = openSync(path, 'r');
    try {
      const head = Buffer.alloc(SQLITE.length);
      readSync(file, head, 0, head.length, 0);
      return head.toString('latin1') === SQLITE;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', `the file ${path} cannot be read`, { cause });
  }
}

function keysOf(given: GivenOptions, home: string): ReturnType<typeof ledgerKeys> {
  const pem = trustedKey(given, home);
  try {
    return ledgerKeys([pem]);
  } catch (cause) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', 'that is not a public key in PEM', { cause });
  }
}

/** Lines of a file that somebody else made: one without an end cannot fill memory. @throws LEDGER_EVIDENCE_INVALID */
async function* boundedLines(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_EVIDENCE_LINE) throw EVIDENCE_CODES.error('LEDGER_EVIDENCE_INVALID');
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/**
 * `ledger verify FILE`: evidence, or a copy of ledger.db, with a key and nothing of the install.
 *
 * @throws LEDGER_EVIDENCE_INVALID
 */
export async function runLedgerVerify(
  { output, parts }: Command,
  file: string,
  given: GivenOptions,
): Promise<number> {
  const publicKeys = keysOf(given, parts.paths.home);
  const { anchor } = given;
  if (isDatabase(file)) {
    const anchorFile = typeof anchor === 'string' ? { anchorFile: anchor } : {};
    const report = await verifyLedgerFile({ path: file, publicKeys, ...anchorFile });
    if (output.json) output.document(report);
    else output.lines(verifyLines(report, output.view));
    return report.ok ? EXIT.ok : EXIT.failed;
  }
  const report = await verifyEvidence(boundedLines(file), publicKeys);
  if (output.json) output.document(report);
  else output.lines(evidenceLines(report, output.view));
  return report.ok ? EXIT.ok : EXIT.failed;
}
