import { join } from 'node:path';
import { type Alerts, bracketed, type Clock, type ExportStatus, type Ledger } from '../../../kernel/index.ts';
import type { OcsfSource } from '../ocsf/source.ts';
import type { LedgerRecord } from '../types.ts';
import { Cursor } from './cursor.ts';
import type { ExportDestination } from './destination.ts';
import { encodeRecord } from './encode.ts';
import { FileSink } from './file-sink.ts';
import { HttpSink } from './http-sink.ts';
import { SyslogSink } from './syslog-sink.ts';
import type { ExportTransport, LedgerReader, Sink } from './types.ts';
import { ExportWorker } from './worker.ts';

/** Milliseconds between two looks at whether something was written. */
const LOOK_MS = 500;

export interface ExporterParts {
  /** Folder of the cursors, one file per destination. */
  readonly folder: string;
  readonly reader: LedgerReader;
  readonly transport: ExportTransport;
  readonly source: OcsfSource;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
}

export interface Exporter {
  /** Deliver to these from now on; a destination that stays as it is goes on undisturbed. */
  follow(destinations: readonly ExportDestination[]): Promise<void>;
  status(): readonly ExportStatus[];
  close(): Promise<void>;
}

interface Running {
  readonly destination: ExportDestination;
  readonly text: string;
  readonly cursor: Cursor;
  readonly worker: ExportWorker;
}

/** Delivers the ledger to every destination that the configuration names (T2). */
export function createExporter(parts: ExporterParts): Exporter {
  let running: readonly Running[] = [];
  const look = setInterval(() => {
    for (const { worker } of running) worker.poke();
  }, LOOK_MS).unref();

  function start(destination: ExportDestination): Running {
    const cursor = new Cursor(join(parts.folder, `${destination.name}.json`));
    const whole = cursor.load();
    const fits = cursor.fit(parts.reader);
    if (!whole || !fits) tellLost(parts, destination, whole);
    const { reader, ledger, alerts, clock } = parts;
    const worker = new ExportWorker({
      destination,
      cursor,
      sink: sinkOf(destination, parts),
      reader,
      ledger,
      alerts,
      clock,
    });
    worker.start();
    return { destination, text: JSON.stringify(destination), cursor, worker };
  }

  return {
    async follow(destinations) {
      const texts = destinations.map((one) => JSON.stringify(one));
      const stays = running.filter(({ text }) => texts.includes(text));
      const goes = running.filter(({ text }) => !texts.includes(text));
      running = stays;
      await Promise.all(goes.map(({ worker }) => worker.stop()));
      const known = stays.map(({ text }) => text);
      const added = destinations.filter((_, index) => !known.includes(texts[index] ?? ''));
      running = [...stays, ...added.map(start)];
    },
    status: () => running.map((one) => statusOf(one, parts.reader)),
    async close() {
      clearInterval(look);
      await Promise.all(running.map(({ worker }) => worker.stop()));
      running = [];
      parts.reader.close();
    },
  };
}

function sinkOf(destination: ExportDestination, { transport, source, clock }: ExporterParts): Sink {
  const encode = (record: LedgerRecord): string => encodeRecord(record, destination.format, source);
  switch (destination.kind) {
    case 'file':
      return new FileSink(destination, encode);
    case 'syslog':
      return new SyslogSink({
        encode,
        header: { facility: destination.facility, hostname: source.hostname, pid: process.pid },
        connect: () => transport.connect(destination),
        monotonic: () => clock.monotonic(),
      });
    case 'http':
    case 'otlp':
      return new HttpSink({ destination, encode, transport, source });
  }
}

function tellLost({ alerts }: ExporterParts, { name }: ExportDestination, whole: boolean): void {
  alerts.raise({
    rule: 'ledger.export-restarted',
    code: 'EXPORT_CURSOR_LOST',
    severity: 'high',
    title: whole
      ? `the ledger is not the one of which ${name} got the last events`
      : `how far ${name} was delivered cannot be read, so delivery begins anew`,
    fix: 'Run `gatehouse ledger verify`. Some events arrive a second time, with the same id.',
    key: name,
    data: { destination: name },
  });
}

function targetOf(destination: ExportDestination): string {
  if (destination.kind === 'file') return destination.path;
  const { host, port, tls } = destination;
  const path = destination.kind === 'syslog' ? '' : destination.path;
  const scheme = destination.kind === 'syslog' ? (tls ? 'syslog+tls' : 'syslog+tcp') : tls ? 'https' : 'http';
  return `${scheme}://${bracketed(host)}:${port}${path}`;
}

function statusOf({ destination, cursor, worker }: Running, reader: LedgerReader): ExportStatus {
  const { id, at, skipped } = cursor.state;
  const { count, oldestAt } = reader.waiting(id);
  const { failure, nextTryAt } = worker.state;
  return {
    name: destination.name,
    kind: destination.kind,
    target: targetOf(destination),
    format: destination.format,
    state: failure !== undefined ? 'failing' : count > 0 ? 'sending' : 'idle',
    waiting: count,
    oldestWaitingAt: oldestAt,
    lastDeliveredAt: at === 0 ? null : at,
    skipped,
    failure:
      failure === undefined
        ? null
        : { code: failure.code, message: failure.message, fix: failure.fix, nextTryAt: nextTryAt ?? null },
  };
}
