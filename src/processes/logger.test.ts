import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileLogger } from './logger.ts';

function withLogs(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'gh-logs-'));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a line is one JSON object in a file that only its owner reads, whatever the text holds', () => {
  withLogs((folder) => {
    const log = fileLogger(folder, 'gateway');
    log.warn('two\nlines', { userAgent: 'x\r\n{"level":50}' });
    const lines = readFileSync(log.file, 'utf8').split('\n').slice(0, -1);
    assert.equal(lines.length, 1);
    const { level, message, name } = JSON.parse(lines[0] ?? '');
    assert.deepEqual([level, message, name], [40, 'two\nlines', 'gateway']);
    assert.equal(statSync(log.file).mode & 0o777, 0o600);
  });
});

test('secrets/a token in a logged text: removed, its id stays', () => {
  withLogs((folder) => {
    const log = fileLogger(folder, 'gateway');
    const token = 'gth_abcdefgh23456789_1z1F7k5PKPf6FYGEweKUjPhOgkjyqoUQC5BLlSJBfJZ_4VaqJj';
    log.error('somebody sent it', { header: `Bearer ${token}` });
    const text = readFileSync(log.file, 'utf8');
    assert.ok(!text.includes('1z1F7k5PKPf6FYGEweKUjPhOgkjyqoUQC5BLlSJBfJZ'));
    assert.ok(text.includes('gth_abcdefgh23456789'));
  });
});

test('lines below the level are left out', () => {
  withLogs((folder) => {
    const log = fileLogger(folder, 'gateway');
    log.setLevel('error');
    log.warn('not this');
    log.error('this');
    assert.equal(readFileSync(log.file, 'utf8').split('\n').length, 2);
  });
});

test('a log at its bound moves aside once and goes on; one byte below it does not', () => {
  withLogs((folder) => {
    const log = fileLogger(folder, 'gateway');
    log.info('x');
    const { size } = statSync(log.file);
    const below = fileLogger(folder, 'below', size + 1);
    below.info('x');
    assert.ok(!existsSync(`${below.file}.1`));
    const at = fileLogger(folder, 'gate2', size - 2);
    at.info('x');
    at.info('y');
    assert.ok(existsSync(`${at.file}.1`));
    assert.match(readFileSync(`${at.file}.1`, 'utf8'), /"x"|"y"/);
  });
});
