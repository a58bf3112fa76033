// Delivers a ledger to a syslog collector until it is killed.
import { once } from 'node:events';
import { connect } from 'node:net';
import { openConnection } from '../../../drivers/sqlite/connection.ts';
import { createExporter } from '../export/exporter.ts';
import { openLedgerReader } from '../export/reader.ts';

const [path = '', folder = '', port = '0'] = process.argv.slice(2);
const exporter = createExporter({
  folder,
  reader: openLedgerReader(openConnection(path, { readOnly: true })),
  transport: {
    async connect() {
      const stream = connect(Number(port), '127.0.0.1');
      await once(stream, 'connect');
      return { stream, unconfirmed: () => undefined };
    },
    authorization: () => undefined,
  },
  source: { version: '1', hostname: 'gate' },
  ledger: { append: () => Promise.reject(new Error('not here')) },
  alerts: { raise: () => undefined },
  clock: { now: () => Date.now(), monotonic: () => performance.now() },
});
await exporter.follow([
  {
    name: 'siem',
    kind: 'syslog',
    format: 'json',
    lagMs: 1e9,
    host: '127.0.0.1',
    port: Number(port),
    tls: false,
    facility: 13,
  },
]);
setInterval(() => undefined, 1_000);
