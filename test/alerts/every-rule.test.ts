import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ALL_CODES } from '../../scripts/reference/code-tables.ts';
import { ALERT_RULES } from '../../src/controls/alerting/index.ts';
import { alertMessage } from '../../src/controls/alerting/message.ts';
import type { Alert } from '../../src/kernel/index.ts';
import { DECISIONS } from '../../src/operations/reference/codes.ts';
import { FIRINGS as CONTROL_FIRINGS } from './firings.ts';
import { STORE_FIRINGS } from './firings-stores.ts';
import type { Kept } from './parts.ts';

const FIRINGS = { ...CONTROL_FIRINGS, ...STORE_FIRINGS };
const NAMES = { install: 'bench', runbook: 'docs/operating/alerts.md' };
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const sources = globSync('src/**/*checks.ts', { cwd: ROOT })
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n');
const listed = new Set([
  ...ALL_CODES.flatMap(({ table }) => Object.keys(table)),
  ...DECISIONS.map(({ code }) => code),
]);

test('every alert rule is made to fire by a test of this file', () => {
  assert.deepEqual(
    Object.keys(FIRINGS).sort(),
    ALERT_RULES.map(({ id }) => id),
  );
});

describe('each rule, fired by the part that raises it, tells what happened and what to do', () => {
  for (const [rule, { fire, says }] of Object.entries(FIRINGS)) {
    test(`${rule}: fires, and its message can be acted on`, async () => {
      const raised: Alert[] = [];
      const raise = (alert: Alert) => void raised.push(alert);
      await fire({ raise, raised } as Kept);
      const fired = raised.filter((alert) => alert.rule === rule);
      assert.equal(fired.length, 1, `raised: ${raised.map((alert) => alert.rule).join(', ') || 'nothing'}`);
      const [alert] = fired;
      assert.ok(alert);
      const { text, subject } = alertMessage(
        { ...alert, writer: 'gateway', seq: 1, at: 1_800_000_000_000, repeats: 0 },
        'id',
        'alert',
        NAMES,
      );
      assert.match(text, says);
      assert.match(subject, new RegExp(`^\\[bench\\] ${alert.severity}: \\S`));
      assert.match(text, /^What it means: [A-Z].+\.$/m);
      assert.match(text, /^What to do: {4}(?:[A-Z`']|gatehouse ).{10,}$/m);
      assert.match(text, /^First command: gatehouse .+$/m);
      assert.match(text, /^Runbook: +docs\/operating\/alerts\.md#[a-z-]+$/m);
      assert.doesNotMatch(text, /undefined|\[object|NaN|null(?![a-z])/);
      assert.ok(
        listed.has(alert.code) || sources.includes(`'${alert.code}'`),
        `${alert.code} is no listed code and no finding`,
      );
    });
  }
});
