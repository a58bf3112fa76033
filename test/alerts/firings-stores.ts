import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackups } from '../../src/controls/backup/service.ts';
import { type BackupTables, migrations as backupTables } from '../../src/controls/backup/tables.ts';
import { createKeptCheckpoints } from '../../src/controls/trace/anchors/kept.ts';
import { createAnchors } from '../../src/controls/trace/anchors/service.ts';
import {
  type EvidenceTables,
  migrations as evidenceTables,
} from '../../src/controls/trace/evidence/tables.ts';
import { EXPORT_CODES } from '../../src/controls/trace/export/codes.ts';
import { Cursor } from '../../src/controls/trace/export/cursor.ts';
import type { ExportDestination } from '../../src/controls/trace/export/destination.ts';
import { createExporter } from '../../src/controls/trace/export/exporter.ts';
import type { LedgerReader, Sink } from '../../src/controls/trace/export/types.ts';
import { ExportWorker } from '../../src/controls/trace/export/worker.ts';
import { openDatabase } from '../../src/drivers/sqlite/index.ts';
import type { Alerts } from '../../src/kernel/index.ts';
import { type Firing, HOUR, LOGGER, ledger, random, standing } from './parts.ts';

const DESTINATION = {
  name: 'siem',
  kind: 'file',
  format: 'json',
  lagMs: 60_000,
  path: '/nowhere/events',
} as unknown as ExportDestination;

/** A ledger of one record. */
const READER: LedgerReader = {
  after: (id) =>
    id >= 1
      ? []
      : [
          {
            id: 1,
            record: {
              writer: 'gateway',
              seq: 1,
              hash: 'h1',
              type: 'login',
              action: 'login.refused',
            } as never,
          },
        ],
  hashAt: () => 'h1',
  waiting: () => ({ count: 1, oldestAt: 0 }),
  close: () => undefined,
};

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-firing-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function worker(alerts: Alerts, folder: string, sink: Sink) {
  const { time, clock } = standing();
  const cursor = new Cursor(join(folder, 'siem.json'));
  const one = new ExportWorker({
    destination: DESTINATION,
    sink,
    cursor,
    reader: READER,
    ledger,
    alerts,
    clock,
  });
  return { one, time };
}

async function backups(alerts: Alerts, folder: string, recipients: readonly string[]) {
  const file = openDatabase<BackupTables>(':memory:');
  await file.migrate(backupTables);
  const { time, clock } = standing();
  const nobody = async () => {
    throw new Error('not in this test');
  };
  const service = createBackups({
    db: file.db,
    ledger: { ...ledger, checkpoint: async () => undefined },
    alerts,
    clock,
    random,
    logger: LOGGER,
    settings: () => ({ recipients, folder, maxAgeHours: 48, keep: 7 }) as never,
    places: {
      home: folder,
      state: folder,
      keys: folder,
      workspaces: folder,
      staging: join(folder, 'staging'),
    },
    worker: nobody as never,
    exportConfig: nobody,
    facts: nobody,
    sign: nobody,
  });
  return { service, time, db: file.db };
}

/** Alerts of what is stored beside the home, or sent away from it. */
export const STORE_FIRINGS: Readonly<Record<string, Firing>> = {
  'backup.failed': {
    fire: (alerts) =>
      withFolder(async (folder) => {
        const { service } = await backups(alerts, folder, ['age1thisisnokey']);
        await service.create({ author: 'alice', reason: 'test', scheduled: false }).catch(() => undefined);
      }),
    says: /the backup .* failed: /,
  },
  'backup.too-old': {
    fire: (alerts) =>
      withFolder(async (folder) => {
        const { service, time, db } = await backups(alerts, folder, ['age1thisisnokey']);
        await db
          .insertInto('backups')
          .values({
            id: 'b1',
            at: time.now - 72 * HOUR,
            author: 'a',
            reason: '',
            scheduled: 0,
            status: 'failed',
            path: '',
          } as never)
          .execute();
        await service.look();
      }),
    says: /backup/,
  },
  'ledger.anchor-conflict': {
    async fire(alerts) {
      const state = openDatabase<EvidenceTables>(':memory:');
      await state.migrate(evidenceTables);
      const kept = createKeptCheckpoints({ db: state.db, ledger, alerts, clock: standing().clock });
      const shown = (records: number) => ({
        payload: JSON.stringify(['gatehouse-checkpoint-1', 1, 5, records, '0'.repeat(64), []]),
        keyId: 'k',
        signature: 's',
      });
      await kept.keep({ principal: 'token:other' }, [shown(1)]);
      await kept.keep({ principal: 'token:other' }, [shown(2)]).catch(() => undefined);
      state.close();
    },
    says: /token:other shows another history of its ledger than before, from checkpoint 1 on/,
  },
  'ledger.anchor-failed': {
    async fire(alerts) {
      const anchors = createAnchors({
        raw: {} as never,
        targets: () => [{ name: 'nfs', kind: 'gatehouse', url: 'http://127.0.0.1:1', secret: 's' }],
        clock: standing().clock,
        alerts,
      });
      await anchors.extend();
    },
    says: /the anchor nfs could not be extended: LEDGER_ANCHOR_FAILED/,
  },
  'ledger.export-lag': {
    fire: (alerts) =>
      withFolder(async (folder) => {
        const stuck: Sink = { send: () => new Promise(() => undefined), close: () => undefined };
        const { one, time } = worker(alerts, folder, stuck);
        one.poke();
        time.now += 60_000;
        one.poke();
      }),
    says: /siem has taken no event for 60 s although some wait/,
  },
  'ledger.export-refused': {
    fire: (alerts) =>
      withFolder(async (folder) => {
        const refusing: Sink = {
          send: async () => ({ settled: Promise.reject(EXPORT_CODES.error('EXPORT_RECORD_REFUSED')) }),
          close: () => undefined,
        };
        const raised = Promise.withResolvers<void>();
        const told: Alerts = {
          raise(alert) {
            alerts.raise(alert);
            raised.resolve();
          },
        };
        const { one } = worker(told, folder, refusing);
        one.start();
        await raised.promise;
        await one.stop();
      }),
    says: /siem refuses record gateway 1; it was passed over/,
  },
  'ledger.export-restarted': {
    fire: (alerts) =>
      withFolder(async (folder) => {
        writeFileSync(join(folder, 'siem.json'), '{ this is no cursor');
        const exporter = createExporter({
          folder,
          reader: { ...READER, after: () => [] },
          transport: {} as never,
          source: {} as never,
          ledger,
          alerts,
          clock: standing().clock,
        });
        await exporter.follow([DESTINATION]);
        await exporter.close();
      }),
    says: /how far siem was delivered cannot be read, so delivery begins anew/,
  },
};
