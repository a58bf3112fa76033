import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import type { RestoreOrder } from './io.ts';
import { rehearsalLines, restoredLines, verifiedLines } from './render/backup.ts';

/** @throws CLI_USAGE */
function orderOf(words: readonly (string | undefined)[], given: GivenOptions): RestoreOrder {
  const file = words[0];
  if (file === undefined) throw CLI_CODES.error('CLI_USAGE', '<file> is missing: the backup');
  const text = (name: string) => (typeof given[name] === 'string' ? given[name] : undefined);
  const identity = text('identity');
  if (identity === undefined)
    throw CLI_CODES.error('CLI_USAGE', '--identity is missing: the private key that opens the backup', {
      fix: 'gatehouse backup verify FILE --identity /path/to/backup.key',
    });
  const most = text('maxBytes');
  if (most !== undefined && !/^[1-9][0-9]{0,15}$/.test(most))
    throw CLI_CODES.error('CLI_USAGE', '--max-bytes must be a number of bytes');
  const [key, ledger, workdir, reason] = [text('key'), text('ledger'), text('workdir'), text('reason')];
  return {
    file,
    identity,
    ...(key === undefined ? {} : { key }),
    ...(ledger === undefined ? {} : { ledger }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(reason === undefined ? {} : { reason: reason.slice(0, 2_000) }),
    ...(most === undefined ? {} : { maxBytes: Number(most) }),
  };
}

/** `backup verify` and `backup restore`: this process alone opens the file. @throws BACKUP_* */
export async function runBackup(
  { output, parts }: Command,
  name: string,
  words: readonly (string | undefined)[],
  given: GivenOptions,
): Promise<number> {
  const order = orderOf(words, given);
  const { view } = output;
  if (name === 'backup verify') {
    const report = await parts.backups.verify(order);
    if (output.json) output.document(report);
    else output.lines(verifiedLines(report, view));
  } else if (given['rehearse'] === true) {
    const report = await parts.backups.rehearse(order);
    if (output.json) output.document(report);
    else output.lines(rehearsalLines(report, view));
  } else {
    const report = await parts.backups.restore(order);
    if (output.json) output.document(report);
    else output.lines(restoredLines(report, view));
  }
  return EXIT.ok;
}
