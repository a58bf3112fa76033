import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_ENVELOPE_BYTES, openAttestation, type VerifiedAttestation } from '../../controls/trace/index.ts';
import { attestationPage } from '../../operations/attest/page.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { table } from './render/table.ts';
import { shownLine } from './terminal.ts';
import type { View } from './view.ts';

interface Created {
  readonly holds: boolean;
  readonly text: string;
}

/** The document itself goes to stdout, to be redirected into a file; a PDF never goes to a terminal. */
export function writeAttestation(
  { io, output }: Command,
  input: Readonly<Record<string, unknown>>,
  result: unknown,
): number {
  const { text, holds } = result as Created;
  const isPdf = input['format'] === 'pdf';
  if (isPdf && io.isTTY)
    throw CLI_CODES.error('CLI_USAGE', 'a PDF is not for a terminal', {
      fix: 'gatehouse attest --format pdf > posture.pdf',
    });
  io.stdout.write(isPdf ? Buffer.from(text, 'base64') : text);
  if (!holds) output.note('Not everything holds; the page says what.');
  return holds ? EXIT.ok : EXIT.findings;
}

function readText(path: string, limit: number): string {
  try {
    if (statSync(path).size > limit) throw new Error('too large');
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw CLI_CODES.error('CLI_FILE_UNREADABLE', `the file ${path} cannot be read`, { cause });
  }
}

/** A key that was named, or that of the install on this machine. Never one that came with the document. */
export function trustedKey(given: GivenOptions, home: string): string {
  const own = join(home, 'keys', 'ledger.pub');
  const path = typeof given['key'] === 'string' ? given['key'] : existsSync(own) ? own : undefined;
  if (path === undefined)
    throw CLI_CODES.error(
      'CLI_USAGE',
      '--key names the public key that you trust: keys/ledger.pub of the install',
    );
  return readText(path, 65_536);
}

function verifiedLines({ keyId, attestation }: VerifiedAttestation, view: View): readonly string[] {
  const page = attestationPage(attestation, keyId);
  const { verdict, subtitle, title } = page;
  const blocks = page.tables.flatMap(({ title: name, columns, rows }) => [
    '',
    view.paint('strong', name),
    ...table(
      rows,
      columns.map((column, n) => ({
        title: column.toUpperCase(),
        value: (row: readonly string[]) => row[n],
      })),
      view,
      '',
    ),
  ]);
  return [
    `${view.paint('good', 'The signature holds')}: key ${shownLine(keyId)}`,
    '',
    view.paint('strong', shownLine(title)),
    shownLine(subtitle),
    view.paint(verdict.holds ? 'good' : 'bad', shownLine(verdict.text)),
    ...blocks,
    '',
    ...page.foot.slice(0, 2).map(shownLine),
  ];
}

/** `attest verify FILE`: needs the file and a key, and nothing of the install. @throws ATTEST_* */
export function runAttestVerify(
  { output, parts }: Command,
  words: readonly (string | undefined)[],
  given: GivenOptions,
): number {
  const file = words[0];
  if (file === undefined)
    throw CLI_CODES.error('CLI_USAGE', '<file> is missing: the JSON that `gatehouse attest` wrote');
  const verified = openAttestation(readText(file, MAX_ENVELOPE_BYTES), [trustedKey(given, parts.paths.home)]);
  if (output.json) output.document({ ok: true, ...verified });
  else output.lines(verifiedLines(verified, output.view));
  return EXIT.ok;
}
