// Appends without pause and prints each number once its record is acknowledged: what a test kills or starves.
import { openConnection } from '../../../drivers/sqlite/connection.ts';
import { createLedger } from '../ledger.ts';
import { event } from './scratch.ts';

const CALLERS = 8;

const [path = '', size = '0'] = process.argv.slice(2);
const ledger = createLedger({
  raw: openConnection(path),
  writer: 'gateway',
  clock: { now: () => Date.now() },
  redact: (text) => text,
  lockWaitMs: 5_000,
});

let number = 0;
async function appendForever(): Promise<void> {
  for (;;) {
    const { seq } = await ledger.append({ ...event(number++), data: { text: 'x'.repeat(Number(size)) } });
    process.stdout.write(`${seq}\n`);
  }
}

try {
  await Promise.all(Array.from({ length: CALLERS }, () => appendForever()));
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}\n`);
}
