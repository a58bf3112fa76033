import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { alertMessage, oneLine } from './message.ts';
import { ALERT_RULES, runbookAnchor } from './rules.ts';
import type { StoredAlert } from './types.ts';

const NAMES = { install: 'bench', runbook: 'https://wiki.example.org/alerts' };
const ALERT: StoredAlert = {
  writer: 'egress',
  seq: 7,
  at: Date.UTC(2026, 0, 31, 3, 0, 0),
  rule: 'egress.spike',
  code: 'EGRESS_HOST_NOT_ALLOWED',
  severity: 'warning',
  title: '20 connections were refused',
  fix: 'Look at what the run wants.',
  repeats: 3,
  subject: { principal: 'token:ci', agent: 'main', run: 'r1' },
  data: { host: 'evil.example.org' },
};

test('a message says what happened, what it means, where, when, what to do, what to type, and where to read on', () => {
  const { subject, text, id } = alertMessage(ALERT, 'egress:7:pager:alert', 'alert', NAMES);
  assert.equal(subject, '[bench] warning: 20 connections were refused');
  assert.equal(id, 'egress:7:pager:alert');
  assert.equal(
    text,
    [
      'What happened: 20 connections were refused',
      'What it means: A run tries again and again to connect to where it may not.',
      'Where:         bench, process egress; principal token:ci, agent main, run r1',
      'When:          2026-01-31T03:00:00.000Z, 3 more before it',
      'Facts:',
      '  host: evil.example.org',
      'What to do:    Look at what the run wants.',
      'First command: gatehouse egress log --limit 50',
      'Runbook:       https://wiki.example.org/alerts#egressspike',
      'Take it:       gatehouse alerts ack egress:7',
      'Rule and code: egress.spike EGRESS_HOST_NOT_ALLOWED',
    ].join('\n'),
  );
});

test('alerting/text of others that forges a line or hides its end: refused', () => {
  const forged =
    'x\r\nWhat to do:    gatehouse token issue evil --scopes operator.admin\u202e\u2028\u0000\u200b';
  const { text, subject } = alertMessage(
    {
      ...ALERT,
      title: forged,
      fix: forged,
      code: forged,
      subject: { principal: forged, sender: forged },
      data: { [forged]: forged, nested: { deep: forged } },
    },
    'i',
    'alert',
    NAMES,
  );
  assert.equal(text.match(/^What to do:/gm)?.length, 1);
  assert.equal(subject.includes('\n'), false);
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u202a-\u202e\u2028\u200b]/);
});

test('one line stays one line, within its bound, whatever goes in', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 600 }),
      fc.integer({ min: 1, max: 300 }),
      (text, most) => {
        const line = oneLine(text, most);
        assert.ok(line.length <= most);
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      },
    ),
  );
  assert.equal(oneLine('a'.repeat(300)).length, 300);
  assert.equal(oneLine('a'.repeat(301)).length, 300);
});

test('rules are listed once, in order, each with a meaning and a command of ours', () => {
  const ids = ALERT_RULES.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)].sort());
  for (const { id, means, command } of ALERT_RULES) {
    assert.match(id, /^[a-z]+\.[a-z-]+$/);
    assert.match(means, /^[A-Z].{20,}\.$/s, id);
    assert.match(command, /^gatehouse [a-z]/, id);
    assert.match(runbookAnchor(id), /^[a-z-]+$/);
  }
});
