import { closeSync, createReadStream, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ledgerKeys, verifyEvidence, verifyLedgerFile } from '../../controls/trace/index.ts';
import { readText } from './attest.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { evidenceLines } from './render/ledger.ts';
import { verifyLines } from './render/reports.ts';

/** First bytes of every SQLite database (https://www.sqlite.org/fileformat.html section 1.3). */
const SQLITE = 'SQLite format 3\0';
const MAX_KEY = 65_536;

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

/** Keys that were named, or that of the install on this machine. Never one that came with the file. */
function keysOf(given: GivenOptions, home: string) {
  const own = join(home, 'keys', 'ledger.pub');
  const path = typeof given['key'] === 'string' ? given['key'] : existsSync(own) ? own : undefined;
  if (path === undefined)
    throw CLI_CODES.error(
      'CLI_USAGE',
      '--key names the public key that you trust: keys/ledger.pub of the install',
    );
  try {
    return ledgerKeys([readText(path, MAX_KEY)]);
  } catch (cause) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', `${path} is not a public key in PEM`, { cause });
  }
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
  const lines = createInterface({
    input: createReadStream(file, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  const report = await verifyEvidence(lines, publicKeys);
  if (output.json) output.document(report);
  else output.lines(evidenceLines(report, output.view));
  return report.ok ? EXIT.ok : EXIT.failed;
}
