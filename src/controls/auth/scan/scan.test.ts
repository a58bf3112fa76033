import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { mintToken, tokenDigest } from '../token-format.ts';
import { WINDOW_BYTES } from './detector.ts';
import { scanForTokens } from './index.ts';
import type { ScanBounds, ScanReport, SkipReason } from './types.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-scan-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const random = { bytes: (size: number) => randomBytes(size), uuid: () => '' };
const mint = () => mintToken(random);
const NEVER = new AbortController().signal;
let made = 0;

function file(content: string | Buffer, name = 'file'): string {
  const path = join(folder, String((made += 1)), name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

function scan(path: string, bounds: Partial<ScanBounds> = {}): Promise<ScanReport> {
  return scanForTokens({ paths: [path], signal: NEVER, bounds });
}

async function idsIn(content: string | Buffer): Promise<readonly string[]> {
  return (await scan(file(content))).sightings.map(({ id }) => id);
}

/** A zip or tar archive as Python's standard library writes it. */
function archive(kind: 'zip' | 'tar', members: Readonly<Record<string, Buffer>>, before = ''): Buffer {
  const program = `
import sys, json, io, base64, zipfile, tarfile
members = {n: base64.b64decode(c) for n, c in json.load(sys.stdin).items()}
out = io.BytesIO(sys.argv[2].encode())
out.seek(0, 2)
if sys.argv[1] == 'zip':
    with zipfile.ZipFile(out, 'a', zipfile.ZIP_DEFLATED) as z:
        for n, c in members.items(): z.writestr(n, c)
else:
    with tarfile.open(fileobj=out, mode='w') as t:
        for n, c in members.items():
            i = tarfile.TarInfo(n); i.size = len(c); t.addfile(i, io.BytesIO(c))
sys.stdout.buffer.write(out.getvalue())`;
  const packed = Object.fromEntries(
    Object.entries(members).map(([name, one]) => [name, one.toString('base64')]),
  );
  return execFileSync('python3', ['-c', program, kind, before], {
    input: JSON.stringify(packed),
    maxBuffer: 256 * 1024 ** 2,
  });
}

const percent = (text: string) =>
  [...text].map((one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`).join('');
const jsonEscapes = (text: string) =>
  [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const wrapAt = (text: string, width: number, by: string) =>
  text.replaceAll(new RegExp(`(.{${width}})`, 'g'), `$1${by}`);
const utf16 = (text: string) => Buffer.from(text, 'utf16le');
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');

/** Ways in which a token stands in files of a home and in backups. */
const WRITTEN: Readonly<Record<string, (token: string) => string | Buffer>> = {
  'an environment file': (token) => `A=1\nGATEHOUSE_TOKEN=${token}\n`,
  'a shell history': (token) => `: 1700000000:0;curl -H "Authorization: Bearer ${token}" localhost`,
  'a shell history, over two lines': (token) => `export T=${token.slice(0, 30)}\\\n${token.slice(30)}`,
  'a text between letters': (token) => `abcXYZ${token}Tail0123`,
  'UTF-16, little end first': (token) => Buffer.concat([Buffer.from([0xff, 0xfe]), utf16(`T=${token}\n`)]),
  'UTF-16, big end first': (token) => Buffer.from(utf16(`T=${token}\n`)).swap16(),
  'UTF-32': (token) => Buffer.from([...token].flatMap((one) => [one.charCodeAt(0), 0, 0, 0])),
  'JSON with every character escaped': (token) => `{"t":"${jsonEscapes(token)}"}`,
  'JSON inside JSON': (token) => JSON.stringify(JSON.stringify({ t: token })).replaceAll('_', '\\\\u005f'),
  'a URL': (token) => `https://h/?next=${percent(token)}`,
  'a URL inside a URL': (token) => `https://h/?u=${encodeURIComponent(`https://g/?t=${percent(token)}`)}`,
  'a URL, its underscores escaped': (token) => token.replaceAll('_', '%5f'),
  'HTML references': (token) => [...token].map((one) => `&#${one.charCodeAt(0)};`).join(''),
  'hexadecimal HTML references': (token) =>
    [...token].map((one) => `&#x${one.charCodeAt(0).toString(16)};`).join(''),
  'an e-mail, broken softly': (token) => `Bearer ${token.slice(0, 60)}=\r\n${token.slice(60)}`,
  'base64 alone': (token) => base64(token),
  'base64 one byte on': (token) => base64(`:${token}`),
  'base64 two bytes on': (token) => base64(`u:${token}`),
  'base64 in the middle of a text': (token) => base64(`{"user":"me","password":"${token}","x":1}`),
  'base64 for URLs': (token) => Buffer.from(`>>>???${token}`).toString('base64url'),
  'base64 in lines': (token) => wrapAt(base64(`password: ${token}\n`), 20, '\r\n  '),
  'base64 in lines, inside JSON': (token) => `"${wrapAt(base64(`a ${token}`), 19, '\\n')}"`,
  'base64 of UTF-16, as PowerShell takes it': (token) => base64(utf16(`$t='${token}'`)),
  'base64 of escaped JSON': (token) => base64(`{"t":"gth${jsonEscapes(token.slice(3))}gth_"}${token}`),
  'a release of Helm': (token) => base64(base64(gzipSync(`{"values":"${token}"}`))),
  'gzip in base64, in lines of YAML': (token) =>
    `data: ${wrapAt(base64(gzipSync(`${'. '.repeat(99)}${token}`)).replaceAll('=', ''), 30, '\n  ')}\n  kind: Secret\n`,
  'gzip in base64': (token) => `data: ${base64(gzipSync(`token ${token}`))}\n`,
};

describe('a token is found in', () => {
  for (const [where, write] of Object.entries(WRITTEN)) {
    test(where, async () => {
      const { id, text } = mint();
      assert.ok((await idsIn(write(text))).includes(id));
    });
  }

  test('each of these ways at any place around the border of two windows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(WRITTEN).filter((name) => !/Helm|gzip/.test(name))),
        fc.integer({ min: 0, max: 1_200 }),
        async (name, before) => {
          const { id, text } = mint();
          const written = Buffer.from(WRITTEN[name]?.(text) ?? '');
          const isWide = name.startsWith('UTF');
          const pad = Buffer.alloc(WINDOW_BYTES + 8_192 - 2 * Math.floor(before / 2), isWide ? ' \0' : '. ');
          assert.deepEqual(await idsIn(Buffer.concat([pad, written, Buffer.alloc(20_000, 10)])), [id]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('what a scan says', () => {
  test('names line and column, counted in characters, and no part of the secret', async () => {
    const { id, text } = mint();
    const path = file(`first\nзолото=${text}\n`);
    const report = await scan(path);
    const [found] = report.sightings;
    assert.deepEqual(found, {
      file: path,
      member: [],
      line: 2,
      column: 8,
      offset: 19,
      encoding: 'plain',
      id,
      digest: tokenDigest(text),
    });
    assert.ok(!JSON.stringify(report).includes(text.slice(21, 60)));
    assert.equal(report.complete, true);
  });

  test('names the offset where lines mean nothing', async () => {
    const { text } = mint();
    const [found] = (
      await scan(file(Buffer.concat([Buffer.from('01010100'.repeat(250), 'hex'), Buffer.from(text)])))
    ).sightings;
    assert.deepEqual([found?.line, found?.offset], [null, 1_000]);
  });

  test('does not show a token that a file or a member is named after', async () => {
    const [one, two] = [mint(), mint()];
    const path = dirname(file('x', one.text));
    writeFileSync(join(path, 'a.zip'), archive('zip', { [percent(two.text)]: Buffer.from('x') }));
    const report = await scan(path);
    assert.deepEqual(new Set(report.sightings.map(({ id }) => id)), new Set([one.id, two.id]));
    assert.ok(!JSON.stringify(report).includes(one.text.slice(21)));
    assert.ok(!JSON.stringify(report).includes(percent(two.text).slice(63)));
  });

  test('takes no text for a token whose checksum does not fit', async () => {
    const { text } = mint();
    const last = text.endsWith('0') ? '1' : '0';
    assert.deepEqual(await idsIn(`${text.slice(0, -1)}${last} gth_short gth_gth_`), []);
  });
});

describe('an archive is opened:', () => {
  const cases: Readonly<Record<string, (text: Buffer) => Buffer>> = {
    gzip: (text) => gzipSync(text),
    'gzip, two streams after each other': (text) => Buffer.concat([gzipSync('nothing'), gzipSync(text)]),
    zstd: (text) => zstdCompressSync(text),
    'zlib, as a loose object of git': (text) => deflateSync(Buffer.concat([Buffer.from('blob 99\0'), text])),
    zip: (text) => archive('zip', { 'etc/env': text, other: Buffer.from('x') }),
    'zip behind a program': (text) => archive('zip', { m: text }, '#!/usr/bin/env python3\n'),
    'zip with names that would leave the folder': (text) =>
      archive('zip', { '../../x': Buffer.from('1'), '/etc/y': text }),
    tar: (text) => archive('tar', { 'home/.env': text }),
    'tar with a long name': (text) => archive('tar', { [`${'d/'.repeat(90)}f`]: text }),
    'tar.gz': (text) => gzipSync(archive('tar', { 'home/.env': text })),
    'tar.gz in zip in tar': (text) =>
      archive('tar', { a: archive('zip', { b: gzipSync(archive('tar', { c: text })) }) }),
  };
  for (const [name, pack] of Object.entries(cases)) {
    test(name, async () => {
      const { id, text } = mint();
      // Incompressible beside it, so that the token does not stand in the packed bytes.
      const report = await scan(
        file(pack(Buffer.from(`${randomBytes(3_000).toString('hex')}\nT=${text}\n`))),
      );
      assert.deepEqual(
        report.sightings.map((one) => one.id),
        [id],
      );
      assert.equal(report.sightings[0]?.line, 2);
      assert.equal(report.complete, true, JSON.stringify(report.skipped));
    });
  }

  test('the members are named from the outside in', async () => {
    const inner = gzipSync(archive('tar', { 'c/d': Buffer.from(mint().text) }));
    const [found] = (await scan(file(archive('zip', { 'b.tgz': inner })))).sightings;
    assert.deepEqual(found?.member, ['b.tgz', 'c/d']);
  });

  test('what stands behind the end of a gzip stream or of a tar archive is looked at too', async () => {
    const { id, text } = mint();
    assert.deepEqual(await idsIn(Buffer.concat([gzipSync('x'), Buffer.from(text)])), [id]);
    assert.deepEqual(
      await idsIn(Buffer.concat([archive('tar', { a: Buffer.from('x') }), Buffer.from(text)])),
      [id],
    );
  });
});

function reasons(report: ScanReport): readonly (SkipReason | 'complete')[] {
  return [
    ...(Object.keys(report.skippedBy) as SkipReason[]),
    ...(report.complete ? (['complete'] as const) : []),
  ];
}

describe('bounds: what goes beyond is counted and said', () => {
  const zeros = Buffer.alloc(1_000_000);

  test('unpacked bytes, at the bound and one past it', async () => {
    const path = file(gzipSync(zeros));
    assert.deepEqual(reasons(await scan(path, { expandedBytes: 1_000_000 })), ['complete']);
    assert.deepEqual(reasons(await scan(path, { expandedBytes: 999_999 })), ['expands-too-far']);
  });

  test('a decompression bomb in any form stops at the bound, and what is beside it is still found', async () => {
    const { id, text } = mint();
    const huge = Buffer.alloc(16 * 1024 ** 2);
    for (const bomb of [
      gzipSync(huge),
      gzipSync(gzipSync(huge)),
      archive('tar', { a: gzipSync(huge) }),
      Buffer.from(base64(gzipSync(huge))),
    ]) {
      const report = await scan(file(Buffer.concat([bomb, Buffer.from(`\n${text}`)])), {
        expandedBytes: 1024 ** 2,
      });
      assert.ok(report.bytes < 4 * 1024 ** 2, String(report.bytes));
      assert.ok(reasons(report).includes('expands-too-far'), JSON.stringify(report.skipped));
      assert.equal(report.complete, false);
      assert.ok(report.sightings.some((one) => one.id === id));
    }
  });

  test('bombs that end the file stop at the bound', async () => {
    const packed = zstdCompressSync(Buffer.alloc(16 * 1024 ** 2));
    assert.deepEqual(reasons(await scan(file(packed), { expandedBytes: 1024 ** 2 })), ['expands-too-far']);
    const report = await scan(file(archive('zip', { a: Buffer.alloc(16 * 1024 ** 2) })), {
      expandedBytes: 1024 ** 2,
    });
    assert.ok(report.bytes < 2 * 1024 ** 2, String(report.bytes));
    assert.deepEqual(reasons(report), ['expands-too-far']);
  });

  test('archives in archives, at the bound and one past it', async () => {
    const path = file(gzipSync(gzipSync(mint().text)));
    assert.deepEqual(reasons(await scan(path, { archiveDepth: 2 })), ['complete']);
    assert.deepEqual(reasons(await scan(path, { archiveDepth: 1 })), ['too-deep']);
  });

  test('members, at the bound and one past it', async () => {
    for (const kind of ['zip', 'tar'] as const) {
      const path = file(archive(kind, { a: zeros, b: zeros, c: zeros }));
      assert.deepEqual(reasons(await scan(path, { members: 3 })), ['complete']);
      assert.deepEqual(reasons(await scan(path, { members: 2 })), ['too-many-members']);
    }
  });

  test('bytes of one file, at the bound and one past it', async () => {
    const path = file(zeros);
    assert.deepEqual(reasons(await scan(path, { fileBytes: 1_000_000 })), ['complete']);
    assert.deepEqual(reasons(await scan(path, { fileBytes: 999_999 })), ['too-large']);
  });

  test('a file that says it has eight terabytes is read up to the bound', async () => {
    const path = file('');
    truncateSync(path, 8 * 1024 ** 4);
    const report = await scan(path, { fileBytes: 1024 ** 2 });
    assert.deepEqual(reasons(report), ['too-large']);
    assert.equal(report.bytes, 1024 ** 2);
  });

  test('a zip inside another, at the bound and one past it', async () => {
    const inner = archive('zip', { a: randomBytes(50_000) });
    const path = file(archive('zip', { inner }));
    assert.deepEqual(reasons(await scan(path, { nestedZipBytes: inner.length })), ['complete']);
    assert.deepEqual(reasons(await scan(path, { nestedZipBytes: inner.length - 1 })), ['too-large']);
  });

  test('folders, at the bound and one past it', async () => {
    const path = dirname(file('x', 'a/b/c'));
    const top = dirname(dirname(path));
    assert.deepEqual(reasons(await scan(top, { folderDepth: 2 })), ['complete']);
    assert.deepEqual(reasons(await scan(top, { folderDepth: 1 })), ['too-deep']);
  });

  test('sightings and named places, at the bound and one past it', async () => {
    const path = file(`${mint().text}\n${mint().text}\n`);
    assert.equal((await scan(path, { sightings: 2 })).sightingsBeyond, 0);
    const report = await scan(path, { sightings: 1 });
    assert.deepEqual([report.sightings.length, report.sightingsBeyond, report.complete], [1, 1, false]);
    const links = dirname(file('x'));
    for (const name of ['a', 'b']) symlinkSync('nowhere', join(links, name));
    const named = await scan(links, { namedSkips: 1 });
    assert.deepEqual([named.skipped.length, named.skippedBy.link], [1, 2]);
  });

  test('a text that makes patterns try again and again takes no longer than its length', async () => {
    for (const unit of [
      'gth_',
      'Z3RoX\n',
      'H4sI',
      '%25',
      '\\\\\\\\u00',
      '&#',
      'Z\\n\\n',
      'g\0t\0',
      '=\r\n',
      'gth_a%61',
    ]) {
      const report = await scan(file(unit.repeat(Math.ceil(2_000_000 / unit.length))));
      assert.equal(report.sightings.length, 0);
    }
  });
});

describe('what cannot be looked at is said:', () => {
  test('links are not followed, so loops end and nothing outside is read', async () => {
    const { text } = mint();
    const outside = file(text);
    const path = dirname(file('x'));
    symlinkSync(path, join(path, 'loop'));
    symlinkSync(outside, join(path, 'out'));
    symlinkSync('self', join(path, 'self'));
    const report = await scan(path);
    assert.deepEqual([report.sightings.length, report.skippedBy.link, report.complete], [0, 3, true]);
  });

  test('a link that is named itself is followed', async () => {
    const { id, text } = mint();
    const link = join(folder, 'link');
    symlinkSync(file(text), link);
    assert.deepEqual(
      (await scan(link)).sightings.map((one) => one.id),
      [id],
    );
  });

  test('pipes and sockets are not opened', async () => {
    const path = dirname(file('x'));
    execFileSync('mkfifo', [join(path, 'pipe')]);
    const server = createServer().listen(join(path, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    const report = await scan(path);
    server.close();
    assert.deepEqual([report.files, report.skippedBy.special], [1, 2]);
  });

  test('the file systems of the kernel are not walked through', async () => {
    assert.deepEqual(reasons(await scan('/proc')), ['kernel-files', 'complete']);
  });

  test('a path that is not there, and a name longer than any, are no success', async () => {
    assert.deepEqual(reasons(await scan(join(folder, 'nobody'))), ['failed']);
    assert.deepEqual(reasons(await scan(join(folder, 'n'.repeat(300)))), ['failed']);
    assert.deepEqual(reasons(await scan('a\0b')), ['failed']);
  });

  const packed: Readonly<Record<string, readonly [content: Buffer, reason: SkipReason]>> = {
    'a gzip stream that is cut off': [gzipSync(randomBytes(5_000)).subarray(0, 2_000), 'damaged'],
    'a tar archive that is cut off': [
      archive('tar', { a: Buffer.alloc(9_000, 1) }).subarray(0, 2_000),
      'damaged',
    ],
    'a zip archive that is cut off': [
      archive('zip', { a: randomBytes(9_000) }).subarray(0, 2_000),
      'damaged',
    ],
    xz: [Buffer.from('fd377a585a000004', 'hex'), 'format'],
    bzip2: [Buffer.from('425a6839314159265359', 'hex'), 'format'],
    '7z': [Buffer.from('377abcaf271c0004', 'hex'), 'format'],
    'a pack of git': [Buffer.from('5041434b0000000200000001', 'hex'), 'format'],
    age: [Buffer.from('age-encryption.org/v1\n'), 'encrypted'],
    PGP: [Buffer.from('-----BEGIN PGP MESSAGE-----\n'), 'encrypted'],
  };
  for (const [name, [content, reason]] of Object.entries(packed)) {
    test(name, async () => assert.deepEqual(reasons(await scan(file(content))), [reason]));
  }

  test('text that only begins like something packed is text', async () => {
    for (const text of ['BZhello', 'x\x01y', 'x^2 + y', 'H4sI is a magic']) {
      assert.deepEqual(reasons(await scan(file(text))), ['complete'], text);
    }
  });

  test('random bytes, whatever they begin with, never stop a scan', async () => {
    const starts = ['1f8b08', '28b52ffd', '504b0304', '504b0506', '789c', ''];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...starts),
        fc.uint8Array({ maxLength: 3_000 }),
        async (start, bytes) => {
          const { id, text } = mint();
          const content = Buffer.concat([Buffer.from(start, 'hex'), bytes, Buffer.from(`\n${text}`)]);
          assert.ok((await idsIn(content)).includes(id));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a scan that is stopped ends at once', async () => {
    const stop = AbortSignal.abort();
    await assert.rejects(scanForTokens({ paths: [folder], signal: stop }), { name: 'AbortError' });
  });
});

test('environments and arguments of running processes are looked at, by name of the variable', async () => {
  const { spawn } = await import('node:child_process');
  const { id, text } = mint();
  const other = mint();
  const child = spawn('sleep', ['60'], {
    env: { PATH: process.env['PATH'], API_KEY: text },
    argv0: other.text,
  });
  try {
    await new Promise((resolve) => child.once('spawn', resolve));
    const report = await scanForTokens({ paths: [], processes: true, signal: NEVER });
    const mine = report.sightings.filter(({ file: place }) => place.startsWith(`process ${child.pid} `));
    assert.deepEqual(
      mine.map((one) => [one.id, one.member[0]]),
      [
        [id, 'variable API_KEY'],
        [other.id, 'argument 0'],
      ],
    );
  } finally {
    child.kill('SIGKILL');
  }
});

test('an unreadable file is counted and named', { skip: process.getuid?.() === 0 && false }, async () => {
  const path = dirname(file('x', 'secret'));
  chmodSync(join(path, 'secret'), 0);
  const report = process.getuid?.() === 0 ? asNobody(path) : await scan(path);
  assert.deepEqual([report.skippedBy.unreadable, report.complete], [1, false]);
  assert.equal(report.skipped[0]?.place, join(path, 'secret'));
});

/** root may read everything, so an account that may not is asked. */
function asNobody(path: string): ScanReport {
  for (let at = path; at !== dirname(folder); at = dirname(at)) chmodSync(at, 0o755);
  const index = new URL('./index.ts', import.meta.url).pathname;
  const program = `const { scanForTokens } = await import(${JSON.stringify(index)});
    process.setgid(65534); process.setuid(65534);
    console.log(JSON.stringify(await scanForTokens({ paths: [${JSON.stringify(path)}], signal: new AbortController().signal })));`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }),
  ) as ScanReport;
}
