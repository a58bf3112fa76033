import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  httpCollector,
  otlpIds,
  parseSyslog,
  syslogCollector,
} from '../../../../test/fixtures/collectors.ts';
import { openConnection } from '../../../drivers/sqlite/connection.ts';
import type { Alert } from '../../../kernel/index.ts';
import { event, hasCode, scratchLedger } from '../testing/scratch.ts';
import type { LedgerRecord } from '../types.ts';
import { Cursor } from './cursor.ts';
import type { ExportDestination } from './destination.ts';
import { encodeRecord } from './encode.ts';
import { createExporter } from './exporter.ts';
import { FileSink } from './file-sink.ts';
import { openLedgerReader } from './reader.ts';
import { octetFramed, syslogMessage } from './syslog.ts';

const EXPORTER = fileURLToPath(new URL('../testing/exporter.ts', import.meta.url));

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), 'gh-export-'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function recordOf(seq: number, more: Partial<LedgerRecord> = {}): LedgerRecord {
  const hash = String(seq).padStart(64, '0');
  return { ...event(seq), writer: 'gateway', seq, at: 1_800_000_000_000, prev: '', hash, ...more };
}

/** A ledger of so many records, delivered by a real exporter in this process. */
async function delivering(destination: Partial<ExportDestination> & { port: number }, records: number) {
  const scratch = scratchLedger();
  const ledger = scratch.open();
  for (let number = 1; number <= records; number++) await ledger.append(event(number));
  const alerts: Alert[] = [];
  const exporter = createExporter({
    folder: join(scratch.folder, 'export'),
    reader: openLedgerReader(openConnection(scratch.path, { readOnly: true })),
    transport: {
      async connect({ port }) {
        const stream = connect(port, '127.0.0.1');
        await once(stream, 'connect');
        return { stream, unconfirmed: () => undefined };
      },
      authorization: () => 'Bearer t',
    },
    source: { version: '1', hostname: 'gate' },
    ledger,
    alerts: { raise: (alert) => void alerts.push(alert) },
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
  });
  await exporter.follow([
    {
      name: 'siem',
      format: 'json',
      lagMs: 1e9,
      host: '127.0.0.1',
      tls: false,
      path: '/in',
      body: 'array',
      ...destination,
    } as ExportDestination,
  ]);
  const close = async () => {
    await exporter.close();
    scratch[Symbol.dispose]();
  };
  return { scratch, ledger, exporter, alerts, [Symbol.asyncDispose]: close };
}

const jsonIds = (body: string) => (JSON.parse(body) as { hash: string }[]).map(({ hash }) => hash);

test('an exporter that is killed again and again delivers every record, and repeats only under the same id', async () => {
  using scratch = scratchLedger();
  using place = temporary();
  await using collector = await syslogCollector();
  const ledger = scratch.open();
  const wanted: string[] = [];
  const grow = async (count: number) => {
    const receipts = await Promise.all(
      Array.from({ length: count }, (_, number) => ledger.append(event(number))),
    );
    wanted.push(...receipts.map(({ hash }) => hash));
  };
  await grow(600);
  for (const [round, more] of [1, 350, 150, 1].entries()) {
    const child = spawn(process.execPath, [EXPORTER, scratch.path, place.folder, String(collector.port)]);
    const before = collector.ids.length;
    await collector.until((ids) => ids.length >= before + more);
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    if (round < 2) await grow(100);
  }
  const last = spawn(process.execPath, [EXPORTER, scratch.path, place.folder, String(collector.port)]);
  await collector.until((ids) => new Set(ids).size === wanted.length);
  last.kill('SIGKILL');
  await once(last, 'close');
  assert.deepEqual([...new Set(collector.ids)].sort(), [...wanted].sort());
  assert.deepEqual(collector.problems, []);
  // In the order of writing, apart from what is sent again.
  assert.deepEqual([...new Set(collector.ids)], wanted);
});

describe('a collector over HTTP', () => {
  test('that refuses one record gets all others, and an alert names the one', async () => {
    const bad = new Set<string>();
    await using collector = await httpCollector({
      idsOf: jsonIds,
      answer: ({ body }) => ({ status: jsonIds(body).some((id) => bad.has(id)) ? 400 : 200 }),
    });
    await collector.die();
    await using home = await delivering({ kind: 'http', port: collector.port }, 20);
    const poison = await home.ledger.get('gateway', 7);
    bad.add(poison?.hash ?? '');
    await collector.live();
    await collector.until((ids) => ids.length >= 19);
    assert.deepEqual(
      home.alerts.map(({ rule, data }) => [rule, data?.['seq']]),
      [['ledger.export-refused', 7]],
    );
    assert.ok(!collector.ids.includes(poison?.hash ?? ''));
  });

  test('that refuses the credential loses nothing: delivery waits and goes on', async () => {
    let status = 401;
    await using collector = await httpCollector({ idsOf: jsonIds, answer: () => ({ status }) });
    await using home = await delivering({ kind: 'http', port: collector.port }, 5);
    for (let state = home.exporter.status()[0]; state?.failure?.code !== 'EXPORT_UNAUTHORIZED'; ) {
      await new Promise((resolve) => setImmediate(resolve));
      state = home.exporter.status()[0];
    }
    status = 200;
    await collector.until((ids) => ids.length >= 5);
    assert.equal(home.alerts.length, 0);
  });

  test('a redirect is not followed', async () => {
    let status = 302;
    await using collector = await httpCollector({ idsOf: jsonIds, answer: () => ({ status }) });
    await using home = await delivering({ kind: 'http', port: collector.port }, 1);
    for (let state = home.exporter.status()[0]; state?.failure?.code !== 'EXPORT_ANSWER'; ) {
      await new Promise((resolve) => setImmediate(resolve));
      state = home.exporter.status()[0];
    }
    status = 200;
    await collector.until((ids) => ids.length >= 1);
  });

  test("OTLP's partial success is not taken for success", async () => {
    await using collector = await httpCollector({
      idsOf: otlpIds,
      answer: ({ body }) => {
        const rejects = otlpIds(body).length > 1;
        return { status: 200, body: rejects ? '{"partialSuccess":{"rejectedLogRecords":"1"}}' : '{}' };
      },
    });
    await using home = await delivering({ kind: 'otlp', port: collector.port }, 3);
    const all = await home.ledger.search({});
    await collector.until((ids) => all.records.every(({ hash }) => ids.includes(hash)));
  });
});

describe('a file of events', () => {
  const destination = (folder: string) =>
    ({
      name: 'f',
      kind: 'file',
      format: 'json',
      lagMs: 1,
      path: join(folder, 'e.jsonl'),
      maxBytes: 500,
      keep: 2,
    }) as const;
  const encode = (record: LedgerRecord) => `${record.seq}${'x'.repeat(180)}`;

  test('begins a new one when it is full and keeps so many', async () => {
    using place = temporary();
    const sink = new FileSink(destination(place.folder), encode);
    for (let seq = 1; seq <= 9; seq++) await sink.send([recordOf(seq)]);
    sink.close();
    assert.deepEqual(readdirSync(place.folder).sort(), ['e.jsonl', 'e.jsonl.1', 'e.jsonl.2']);
    assert.match(readFileSync(join(place.folder, 'e.jsonl'), 'utf8'), /^9x+\n$/);
    assert.match(readFileSync(join(place.folder, 'e.jsonl.1'), 'utf8'), /^7x+\n8x+\n$/);
  });

  test('goes on after a crash in the middle of a line, and in a new file after somebody moved the old one', async () => {
    using place = temporary();
    const { path } = destination(place.folder);
    writeFileSync(path, 'half a li');
    const sink = new FileSink(destination(place.folder), encode);
    await sink.send([recordOf(1)]);
    assert.match(readFileSync(path, 'utf8'), /^half a li\n1x+\n$/);
    renameSync(path, `${path}.moved`);
    await sink.send([recordOf(2)]);
    assert.match(readFileSync(path, 'utf8'), /^2x+\n$/);
    sink.close();
  });

  test('trace/a link in place of the file: refused', async () => {
    using place = temporary();
    const target = join(place.folder, 'target');
    writeFileSync(target, '');
    symlinkSync(target, destination(place.folder).path);
    const sink = new FileSink(destination(place.folder), encode);
    await assert.rejects(sink.send([recordOf(1)]), hasCode('EXPORT_FILE_FAILED'));
    assert.equal(readFileSync(target, 'utf8'), '');
  });

  test('trace/a further name of another file, or a pipe, in place of the file: refused', async () => {
    using place = temporary();
    const target = join(place.folder, 'target');
    const { path } = destination(place.folder);
    writeFileSync(target, 'theirs', { mode: 0o644 });
    linkSync(target, path);
    const sink = new FileSink(destination(place.folder), encode);
    await assert.rejects(sink.send([recordOf(1)]), hasCode('EXPORT_FILE_FAILED'));
    assert.equal(readFileSync(target, 'utf8'), 'theirs');
    assert.equal(statSync(target).mode & 0o777, 0o644);
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await assert.rejects(sink.send([recordOf(1)]), hasCode('EXPORT_FILE_FAILED'));
  });
});

test('trace/a record whose text moves the cursor or begins a line of a log: refused, and no character is lost', () => {
  const title = 'a\u009b2Jb\u2028c\u202ed\u0085e';
  const line = encodeRecord(recordOf(1, { data: { title } }), 'json', { version: '1' } as never);
  assert.match(line, /^[\x20-\x7e]+$/);
  assert.equal((JSON.parse(line) as LedgerRecord).data?.['title'], title);
});

test('no content of a record ends a syslog message or a parameter early', () => {
  const header = { facility: 13, hostname: 'gate\nhost', pid: 1 };
  const plain = (value: string) => value.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '_');
  const text = fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.toWellFormed());
  fc.assert(
    fc.property(text, text, text, (principal, code, body) => {
      const record = recordOf(1, { subject: { principal }, code, action: `x ${code}` });
      const framed = octetFramed(syslogMessage(record, body, header));
      const space = framed.indexOf(0x20);
      assert.equal(framed.length, space + 1 + Number(framed.subarray(0, space).toString()));
      const message = parseSyslog(framed.subarray(space + 1));
      assert.deepEqual(
        [message.parameters['principal'], message.parameters['code'], message.text, message.hostname],
        [plain(principal), plain(code), body, 'gate_host'],
      );
    }),
  );
});

describe('the place of delivery', () => {
  test('goes back to the newest place that fits when the ledger is another one', () => {
    using place = temporary();
    const cursor = new Cursor(join(place.folder, 'c.json'));
    for (const id of [1_000, 2_000, 3_000]) cursor.advance({ id, hash: `h${id}` }, 1);
    const again = new Cursor(join(place.folder, 'c.json'));
    assert.equal(again.load(), true);
    const hashes: Readonly<Record<number, string>> = { 1_000: 'h1000', 2_000: 'h2000', 3_000: 'other' };
    assert.equal(again.fit({ hashAt: (id) => hashes[id], after: () => [] }), false);
    assert.equal(again.state.id, 2_000);
    const nothing = new Cursor(join(place.folder, 'c.json'));
    nothing.load();
    assert.equal(nothing.fit({ hashAt: () => undefined, after: () => [] }), false);
    assert.equal(nothing.state.id, 0);
  });

  test('that cannot be read begins anew instead of skipping anything', () => {
    using place = temporary();
    const path = join(place.folder, 'c.json');
    for (const text of ['', '{', '{"id":-1}', '{"id":5,"hash":1}', 'null']) {
      writeFileSync(path, text);
      const cursor = new Cursor(path);
      assert.equal(cursor.load(), false, text);
      assert.equal(cursor.state.id, 0);
    }
  });

  test('does not move when it cannot be written', () => {
    using place = temporary();
    writeFileSync(join(place.folder, 'file'), '');
    const cursor = new Cursor(join(place.folder, 'file', 'c.json'));
    assert.throws(() => cursor.advance({ id: 5, hash: 'h' }, 1));
    assert.equal(cursor.state.id, 0);
  });
});
