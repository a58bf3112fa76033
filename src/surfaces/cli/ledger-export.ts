import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { ledgerEvidence } from '../../operations/ledger/evidence.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { shownLine } from './terminal.ts';
import { parseInstant } from './time.ts';
import { asTyped } from './view.ts';

interface Page {
  readonly lines: readonly string[];
  readonly next: string | null;
}

function instantOf(given: GivenOptions, name: 'since' | 'until'): Readonly<Record<string, number>> {
  const text = given[name];
  if (typeof text !== 'string') return {};
  const at = parseInstant(text, Date.now());
  if (at === undefined)
    throw CLI_CODES.error('CLI_USAGE', `--${name} is a time: 2026-03-01, 2026-03-01T12:00Z, 12h or 7d`);
  return { [name]: at };
}

/** An evidence file is never written over another one. */
function create(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', `${path} cannot be made, or is there already`, {
      fix: 'Give --out a path that does not exist yet, in a folder that you may write to; no file is overwritten.',
      cause,
    });
  }
}

/** `ledger export`: the pages of `ledger.evidence` in one file, durable before it says so. */
export async function runLedgerExport({ io, output, invoke }: Command, given: GivenOptions): Promise<number> {
  const { out, format = 'ocsf' } = given;
  if (format !== 'ocsf' && format !== 'json') throw CLI_CODES.error('CLI_USAGE', '--format is ocsf or json');
  const input = { format, ...instantOf(given, 'since'), ...instantOf(given, 'until') };
  const path = typeof out === 'string' ? out : undefined;
  let page = (await invoke(ledgerEvidence, input)) as Page;
  const file = path === undefined ? undefined : create(path);
  let lines = 0;
  try {
    for (;;) {
      lines += page.lines.length;
      const text = page.lines.map((line) => `${line}\n`).join('');
      if (file === undefined) io.stdout.write(text);
      else writeSync(file, text);
      if (page.next === null) break;
      page = (await invoke(ledgerEvidence, { cursor: page.next })) as Page;
    }
    if (file !== undefined) fsyncSync(file);
  } catch (thrown) {
    if (path !== undefined) rmSync(path, { force: true });
    throw thrown;
  } finally {
    if (file !== undefined) closeSync(file);
  }
  if (path === undefined) return EXIT.ok;
  // A header and a closing line stand around the records.
  const records = lines - 2;
  if (output.json) output.document({ file: path, records });
  else
    output.lines([
      `Wrote ${records} records to ${shownLine(path)}.`,
      asTyped(
        `Anybody can prove it: gatehouse ledger verify ${shownLine(path)} --key ledger.pub`,
        output.view,
      ),
    ]);
  return EXIT.ok;
}
