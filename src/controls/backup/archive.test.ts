import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { GatehouseError } from '../../kernel/index.ts';
import { openArchive, sealArchive } from './archive.ts';
import { TAR_END, tarHeader, tarPadding } from './container.ts';
import { type BackupFile, type BackupManifest, manifestOf, parseManifest } from './manifest.ts';
import { keptOf } from './retention.ts';

let folder: string;
let identity: string;
let recipient: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gh-archive-'));
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const fileOf = (path: string, content: string): BackupFile => ({
  path,
  size: Buffer.byteLength(content),
  sha256: digest(Buffer.from(content)),
});

function manifest(files: readonly BackupFile[]): BackupManifest {
  return manifestOf({
    id: '20260101T000000Z-abcdef',
    at: 1,
    versions: { gatehouse: '1', node: '1', sqlite: '1' },
    program: 'sha256:0',
    configuration: { hash: 'h', snapshot: 1 },
    ledger: { records: 0, checkpoints: 0, unsigned: 0, heads: [] },
    files,
  });
}

/** An envelope that this test's judge takes for signed. */
const signed = (document: unknown) => JSON.stringify({ signed: true, document });
function judge(envelope: string): BackupManifest {
  const { signed: isSigned, document } = JSON.parse(envelope) as { signed: boolean; document: unknown };
  assert.ok(isSigned);
  return parseManifest(document);
}

type Entry = readonly [name: string, content: Uint8Array | string, change?: (header: Buffer) => void];

function checksummed(header: Buffer): Buffer {
  header.write('        ', 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function tar(entries: readonly Entry[], tail: Uint8Array = TAR_END): Buffer {
  const parts = entries.flatMap(([name, content, change]) => {
    const bytes = Buffer.from(content as string);
    const header = tarHeader(name, bytes.length);
    change?.(header);
    return [checksummed(header), bytes, tarPadding(bytes.length)];
  });
  return Buffer.concat([...parts, tail]);
}

async function encrypted(plain: Uint8Array, to = recipient): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(to);
  return encrypter.encrypt(plain);
}

let number = 0;
function opening(
  bytes: Uint8Array,
  options: { readonly maxBytes?: number; readonly identities?: string[] } = {},
) {
  number += 1;
  const file = join(folder, `${number}.age`);
  const target = join(folder, `${number}`);
  mkdirSync(target);
  writeFileSync(file, bytes);
  const { maxBytes = 1_000_000, identities = [identity] } = options;
  return { target, opened: openArchive({ file, identities, judge, folder: target, maxBytes }) };
}

async function refused(
  code: string,
  bytes: Uint8Array,
  options?: Parameters<typeof opening>[1],
): Promise<void> {
  const { target, opened } = opening(bytes, options);
  await assert.rejects(opened, (thrown) => {
    assert.ok(thrown instanceof GatehouseError, String(thrown));
    assert.equal(thrown.code, code);
    return true;
  });
  const outside = readdirSync(folder).filter((name) => !/^(\d+(\.age)?|made.*)$/.test(name));
  assert.deepEqual(outside, []);
  assert.equal(readdirSync(target).includes('evil'), false);
}

const CONFIG = '{ gateway: {} }';
const good = (): readonly Entry[] => [
  ['manifest.json', signed(manifest([fileOf('gatehouse.json', CONFIG)]))],
  ['gatehouse.json', CONFIG],
];
const packed = (entries: readonly Entry[], tail?: Uint8Array) => encrypted(gzipSync(tar(entries, tail)));

describe('an archive', () => {
  test('comes back as it was made, with private files, for each of its recipients', async () => {
    const source = join(folder, 'made');
    mkdirSync(join(source, 'playbooks'), { recursive: true });
    writeFileSync(join(source, 'gatehouse.json'), CONFIG);
    writeFileSync(join(source, 'playbooks', 'a.yaml'), 'x'.repeat(200_000));
    const files = [fileOf('gatehouse.json', CONFIG), fileOf('playbooks/a.yaml', 'x'.repeat(200_000))];
    const other = await generateX25519Identity();
    const target = join(folder, 'made.age');
    const recipients = [recipient, await identityToRecipient(other)];
    const sealed = await sealArchive({
      folder: source,
      files,
      envelope: signed(manifest(files)),
      recipients,
      target,
    });
    assert.equal(sealed.sha256, digest(readFileSync(target)));
    for (const identities of [[identity], [other]]) {
      const { target: to, opened } = opening(readFileSync(target), { identities });
      assert.deepEqual((await opened).files, files);
      assert.equal(readFileSync(join(to, 'playbooks/a.yaml'), 'utf8').length, 200_000);
    }
  });
});

describe('a hostile archive', () => {
  test('backup/for another private key: refused', async () => {
    const stranger = await identityToRecipient(await generateX25519Identity());
    await refused('BACKUP_WRONG_KEY', await encrypted(gzipSync(tar(good())), stranger));
  });

  test('backup/cut off anywhere: refused', async () => {
    const whole = await packed(good());
    for (const length of [0, 10, 100, 230, whole.length - 20, whole.length - 1])
      await refused('BACKUP_UNREADABLE', whole.subarray(0, length));
  });

  test('backup/any bit flipped: refused', async () => {
    const whole = await packed(good());
    for (let at = 0; at < whole.length; at += 7) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const { opened } = opening(flipped);
      await assert.rejects(opened, (thrown) => {
        assert.ok(thrown instanceof GatehouseError, String(thrown));
        assert.match(thrown.code, /^BACKUP_(UNREADABLE|WRONG_KEY)$/);
        return true;
      });
    }
  });

  test('backup/a header without an end: refused before it is read into memory', async () => {
    await refused(
      'BACKUP_UNREADABLE',
      Buffer.from(`age-encryption.org/v1\n${'-> X25519 a\n'.repeat(50_000)}`),
    );
    await refused('BACKUP_UNREADABLE', Buffer.from('PK\u0003\u0004 something else'));
  });

  test('backup/names that leave the folder, in the signed list and in the archive: refused', async () => {
    for (const name of [
      '../evil',
      '/tmp/evil',
      'playbooks/../../evil',
      'state/state.db/..',
      'keys/ledger.key',
      'x',
    ])
      await refused(
        'BACKUP_CONTENT_INVALID',
        await packed([
          ['manifest.json', signed(manifest([fileOf(name, 'x')]))],
          [name, 'x'],
        ]),
      );
    await refused('BACKUP_CONTENT_INVALID', await packed([good()[0] as Entry, ['../evil', CONFIG]]));
  });

  test('backup/links, devices, folders and long names: refused', async () => {
    for (const type of ['1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', '\0'])
      await refused(
        'BACKUP_CONTENT_INVALID',
        await packed([
          good()[0] as Entry,
          ['gatehouse.json', CONFIG, (header) => header.write(type, 156, 'latin1')],
        ]),
      );
    await refused(
      'BACKUP_CONTENT_INVALID',
      await packed([
        good()[0] as Entry,
        ['gatehouse.json', CONFIG, (header) => header.write('/etc/passwd', 157)],
      ]),
    );
    await refused(
      'BACKUP_CONTENT_INVALID',
      await packed([
        good()[0] as Entry,
        ['gatehouse.json', CONFIG, (header) => header.write('../../evil', 345)],
      ]),
    );
    await refused(
      'BACKUP_CONTENT_INVALID',
      await packed([
        good()[0] as Entry,
        [
          'gatehouse.json',
          CONFIG,
          (header) => header.write('\u0080\0\0\0\0\0\0\0\0\0\0\u0001', 124, 'latin1'),
        ],
      ]),
    );
  });

  test('backup/other content than the signed list says, one file more, less, or twice: refused', async () => {
    const [first] = good() as [Entry];
    await refused(
      'BACKUP_CONTENT_INVALID',
      await packed([first, ['gatehouse.json', CONFIG.replace('g', 'h')]]),
    );
    await refused('BACKUP_CONTENT_INVALID', await packed([first]));
    await refused('BACKUP_CONTENT_INVALID', await packed([...good(), ['playbooks/a.yaml', 'x']]));
    await refused('BACKUP_CONTENT_INVALID', await packed([...good(), ['gatehouse.json', CONFIG]]));
    await refused('BACKUP_CONTENT_INVALID', await packed([['gatehouse.json', CONFIG], first]));
    const twice = manifest([fileOf('gatehouse.json', CONFIG), fileOf('gatehouse.json', CONFIG)]);
    await refused(
      'BACKUP_CONTENT_INVALID',
      await packed([
        ['manifest.json', signed(twice)],
        ['gatehouse.json', CONFIG],
      ]),
    );
    await refused(
      'BACKUP_CONTENT_INVALID',
      await packed(good(), Buffer.concat([TAR_END, Buffer.from('more')])),
    );
  });

  test('backup/bombs: refused at the bound, accepted at it', async () => {
    const zeros = Buffer.alloc(50_000_000);
    await refused('BACKUP_CONTENT_INVALID', await packed([['manifest.json', zeros]]));
    await refused('BACKUP_CONTENT_INVALID', await packed(good(), Buffer.concat([TAR_END, zeros])));
    const large = 'y'.repeat(3_000);
    const entries: readonly Entry[] = [
      ['manifest.json', signed(manifest([fileOf('gatehouse.json', large)]))],
      ['gatehouse.json', large],
    ];
    await opening(await packed(entries), { maxBytes: 3_000 }).opened;
    await refused('BACKUP_TOO_LARGE', await packed(entries), { maxBytes: 2_999 });
  });

  test('backup/of a later version: refused by name', async () => {
    const later = { ...manifest([]), format: 2 };
    await refused('BACKUP_NEWER', await packed([['manifest.json', signed(later)]]));
  });
});

describe('retention', () => {
  const DAY = 86_400_000;
  const at = (days: number) => ({ at: 1_000 * DAY + days * DAY });

  test('keeps the newest ones and the last of each day', () => {
    const all = [at(0), at(0.5), at(1), at(1.2), at(1.9), at(2)];
    const kept = keptOf(all, { last: 2, days: 30 }, at(2).at);
    assert.deepEqual(
      all.filter((one) => kept.has(one)),
      [all[1], all[4], all[5]],
    );
  });

  test('keeps the newest one whatever the clock says', () => {
    const all = [at(0), at(1)];
    assert.ok(keptOf(all, { last: 1, days: 1 }, at(400).at).has(all[1] as { at: number }));
    assert.ok(keptOf(all, { last: 1, days: 1 }, at(-400).at).has(all[1] as { at: number }));
  });
});

test('backup/a pipe, a folder or a device in the place of a backup: refused, and nothing waits for it', async () => {
  for (const file of [folder, '/dev/zero', join(folder, 'not-there')])
    await assert.rejects(
      openArchive({ file, identities: [identity], judge, folder: undefined, maxBytes: 1 }),
      { code: 'BACKUP_UNREADABLE' },
    );
});
