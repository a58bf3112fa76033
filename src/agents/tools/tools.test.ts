import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EVERYTHING, type Harness, harness } from '../testing/harness.ts';
import { fakeModel } from '../testing/model.ts';
import { MAX_RESULT_CHARS } from './output.ts';
import { MAX_FILE_BYTES } from './write-file.ts';

async function call(h: Harness, tool: string, args: unknown) {
  const request = {
    space: 'operator',
    sessionKey: 'agent:main:main',
    idempotencyKey: crypto.randomUUID(),
    subject: { principal: 'p' },
    authority: EVERYTHING,
    trace: 't',
    tool,
    args,
  };
  return h.turns.invokeTool(request, new AbortController().signal);
}

const make = () => harness({ providers: [fakeModel('fake')] });

test('read gives ranges of lines, and says when there is more', async () => {
  await using h = await make();
  writeFileSync(join(h.workspace, 'a'), '1\n2\n3\n4\n');
  assert.equal((await call(h, 'read', { path: 'a', startLine: 2, lines: 2 })).text, '2\n3\n');
  assert.match((await call(h, 'read', { path: 'a', startLine: 9 })).text, /no text from line 9/);
  writeFileSync(join(h.workspace, 'exact'), 'x'.repeat(MAX_RESULT_CHARS));
  assert.equal((await call(h, 'read', { path: 'exact' })).text.length, MAX_RESULT_CHARS);
  writeFileSync(join(h.workspace, 'long'), 'x'.repeat(MAX_RESULT_CHARS + 1));
  assert.match((await call(h, 'read', { path: 'long' })).text, /\[cut: .*30001 bytes/);
});

test('read of what is not there, or not a file, is an error the model understands', async () => {
  await using h = await make();
  mkdirSync(join(h.workspace, 'dir'));
  assert.equal((await call(h, 'read', { path: 'nothing' })).code, 'TOOL_FILE_NOT_FOUND');
  assert.equal((await call(h, 'read', { path: 'dir' })).code, 'TOOL_PATH_INVALID');
});

test('names and texts with shell characters are only names and texts', async () => {
  await using h = await make();
  const path = `it's $(touch pwned) "; rm -rf * #-e.txt`;
  const content = '`touch pwned`\n$(id)\0 end';
  assert.equal((await call(h, 'write', { path, content })).isError, false);
  assert.equal(readFileSync(join(h.workspace, path), 'utf8'), content);
  assert.equal((await call(h, 'edit', { path, oldText: '$(id)', newText: '$& $1' })).isError, false);
  assert.equal(readFileSync(join(h.workspace, path), 'utf8'), '`touch pwned`\n$& $1\0 end');
  assert.equal((await call(h, 'write', { path: '-rf/--x', content: 'y' })).isError, false);
  assert.equal((await call(h, 'read', { path: '-rf/--x' })).text, 'y');
  assert.match((await call(h, 'search', { pattern: '--version' })).text, /no match/);
  assert.deepEqual(readdirSync(h.workspace).toSorted(), ['-rf', path].toSorted());
});

test('write keeps the mode of a file, replaces it in one step, and leaves no draft', async () => {
  await using h = await make();
  writeFileSync(join(h.workspace, 'run.sh'), 'old');
  chmodSync(join(h.workspace, 'run.sh'), 0o755);
  await call(h, 'write', { path: 'run.sh', content: 'new' });
  assert.equal(statSync(join(h.workspace, 'run.sh')).mode & 0o777, 0o755);
  await call(h, 'write', { path: 'new.txt', content: 'x' });
  assert.equal(statSync(join(h.workspace, 'new.txt')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(h.workspace).toSorted(), ['new.txt', 'run.sh']);
});

test('write takes a file of the limit and none past it', async () => {
  await using h = await make();
  assert.equal((await call(h, 'write', { path: 'a', content: 'x'.repeat(MAX_FILE_BYTES) })).isError, false);
  const past = await call(h, 'write', { path: 'b', content: 'x'.repeat(MAX_FILE_BYTES + 1) });
  assert.equal(past.code, 'TOOL_TOO_LARGE');
  assert.deepEqual(readdirSync(h.workspace), ['a']);
});

test('edit wants exactly one place, or all of them, and text', async () => {
  await using h = await make();
  const file = join(h.workspace, 'a');
  writeFileSync(file, 'one two two');
  assert.equal(
    (await call(h, 'edit', { path: 'a', oldText: 'two', newText: 'x' })).code,
    'TOOL_EDIT_NO_MATCH',
  );
  assert.equal(
    (await call(h, 'edit', { path: 'a', oldText: 'ten', newText: 'x' })).code,
    'TOOL_EDIT_NO_MATCH',
  );
  assert.equal(readFileSync(file, 'utf8'), 'one two two');
  assert.equal(
    (await call(h, 'edit', { path: 'a', oldText: 'two', newText: 'x', all: true })).isError,
    false,
  );
  assert.equal(readFileSync(file, 'utf8'), 'one x x');
  writeFileSync(file, Buffer.from([0xff, 0xfe, 0x41]));
  assert.equal((await call(h, 'edit', { path: 'a', oldText: 'A', newText: 'B' })).isError, true);
});

test('files/an edit that puts a long text in a hundred thousand places: refused before it is made', async () => {
  await using h = await make();
  const file = join(h.workspace, 'a');
  const before = 'a'.repeat(100_000);
  writeFileSync(file, before);
  const used = process.memoryUsage().rss;
  const args = { path: 'a', oldText: 'a', newText: 'x'.repeat(4_000), all: true };
  assert.equal((await call(h, 'edit', args)).code, 'TOOL_TOO_LARGE');
  assert.ok(process.memoryUsage().rss - used < 200 * 1024 * 1024);
  assert.equal(readFileSync(file, 'utf8'), before);
});

test('an edit may grow a file to the limit, and no further', async () => {
  await using h = await make();
  writeFileSync(join(h.workspace, 'a'), '--');
  const edit = (size: number) =>
    call(h, 'edit', { path: 'a', oldText: '-', newText: '+'.repeat(size), all: true });
  assert.equal((await edit(MAX_FILE_BYTES / 2 + 1)).code, 'TOOL_TOO_LARGE');
  assert.equal((await edit(MAX_FILE_BYTES / 2)).isError, false);
});

test('files/a name that shows its letters in another order: refused to be listed as it is', async () => {
  await using h = await make();
  writeFileSync(join(h.workspace, 'a\u202etxt.exe'), '');
  const { text } = await call(h, 'list', {});
  assert.equal(text, String.raw`file	0	"a\u202etxt.exe"`);
});

test('list shows kinds, does not follow links, and cannot be forged by names', async () => {
  await using h = await make();
  symlinkSync('/etc', join(h.workspace, 'link'));
  writeFileSync(join(h.workspace, 'x\nfile\t1\tfake'), '');
  const { text } = await call(h, 'list', { depth: 3 });
  assert.deepEqual(text.split('\n'), ['link\t4\tlink', 'file\t0\t"x\\nfile\\t1\\tfake"']);
});

test('search finds fixed text, expressions, and one file; no link is followed', async () => {
  await using h = await make();
  writeFileSync(join(h.workspace, 'a.txt'), 'a.b\naxb\nAXB\n');
  symlinkSync('/etc/passwd', join(h.workspace, 'link'));
  assert.equal((await call(h, 'search', { pattern: 'a.b' })).text, '/workspace/a.txt:1:a.b');
  const regex = await call(h, 'search', { pattern: '^a.b$', regex: true, ignoreCase: true, path: 'a.txt' });
  assert.deepEqual(
    regex.text.split('\n').map((line) => line.split(':')[1]),
    ['1', '2', '3'],
  );
  assert.equal((await call(h, 'search', { pattern: 'root' })).text, '[no match]');
});

test('shell tells the exit code, both outputs, and what was cut', async () => {
  await using h = await make();
  const missing = await call(h, 'shell', { command: 'cat missing' });
  assert.equal(missing.isError, true);
  assert.match(missing.text, /^\[exit code 1\]\ncat: missing/);
  writeFileSync(join(h.workspace, 'big'), 'x'.repeat(400_000));
  const big = await call(h, 'shell', { command: 'cat big' });
  assert.ok(big.text.length < MAX_RESULT_CHARS + 200);
  assert.match(big.text, /\[cut: /);
});

test('shell stops a command at the time it was given', async () => {
  await using h = await make();
  const result = await call(h, 'shell', { command: 'sleep 20', timeoutMs: 200 });
  assert.equal(result.code, 'TOOL_STOPPED');
});
