import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../../drivers/sqlite/index.ts';
import type { Alert } from '../../../kernel/index.ts';
import { createAlerting } from '../service.ts';
import { type AlertingTables, migrations } from '../tables.ts';
import type { AlertMessage, AlertSent, AlertSettings, StoredAlert } from '../types.ts';

export const NOON = Date.UTC(2026, 0, 31, 12, 0, 0);
export const MINUTE = 60_000;

const SETTINGS: AlertSettings = {
  install: 'bench',
  runbook: 'runbook.md',
  repeatMs: 60 * MINUTE,
  acknowledgedMs: 24 * 60 * MINUTE,
  perHour: 30,
  escalation: undefined,
  heartbeat: undefined,
  destinations: [
    { name: 'pager', type: 'webhook', severities: ['critical', 'high', 'warning'], drills: false },
  ],
};

/** Alerting over a real store, with a ledger, a sender and a clock that a test sets. */
export async function alertingWorld(more: Partial<AlertSettings> = {}) {
  const root = mkdtempSync(join(tmpdir(), 'gh-alerting-'));
  const database = openDatabase<AlertingTables>(join(root, 'state.db'));
  await database.migrate(migrations);
  const state = { settings: { ...SETTINGS, ...more }, now: NOON };
  const alerts: StoredAlert[] = [];
  const sent: { readonly to: string; readonly message: AlertMessage }[] = [];
  const answers = new Map<string, (message: AlertMessage) => AlertSent>();
  const ended = new Map<string, AlertSent>();
  const clock = { now: () => state.now, monotonic: () => state.now };

  function raise(
    alert: Partial<Alert> & { readonly at?: number; readonly repeats?: number } = {},
  ): StoredAlert {
    const stored: StoredAlert = {
      rule: 'auth.spike',
      code: 'AUTH_TOKEN_UNKNOWN',
      severity: 'high',
      title: '20 requests from 192.0.2.7 were refused within a minute',
      fix: 'Find out who is behind the address.',
      at: state.now,
      repeats: 0,
      ...alert,
      writer: 'gateway',
      seq: alerts.length + 1,
    };
    alerts.push(stored);
    return stored;
  }

  const open = () =>
    createAlerting({
      db: database.db,
      source: {
        position: async () => alerts.length,
        after: async (position, limit) => {
          const found = alerts.slice(position, position + limit);
          return { alerts: found, position: position + found.length };
        },
        find: async (writer, seq) => (writer === 'gateway' ? alerts[seq - 1] : undefined),
      },
      sender: {
        async send(to, message) {
          const answer = answers.get(to)?.(message) ?? { status: 'sent' };
          if (answer.status === 'sent' || answer.status === 'handed') sent.push({ to, message });
          return answer;
        },
        ended: async (_to, id) => ended.get(id),
      },
      settings: () => state.settings,
      ledger: {
        append: async ({ action: rule, data }) => {
          const stored = raise({ rule, title: String(data?.['title']) });
          return { writer: stored.writer, seq: stored.seq, hash: '' };
        },
      },
      alerts: { raise: (alert) => void raise(alert) },
      clock,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      // Nothing happens by itself: a test says when.
      setTimer: () => () => undefined,
    });
  const alerting = open();
  await alerting.start();
  return {
    alerting,
    open,
    raise,
    sent,
    answers,
    ended,
    db: database.db,
    /** Later, and look. */
    async later(ms: number, again = alerting) {
      state.now += ms;
      await again.kick();
    },
    set: (settings: Partial<AlertSettings>) => {
      state.settings = { ...state.settings, ...settings };
    },
    titles: (to = 'pager') => sent.filter((one) => one.to === to).map(({ message }) => message.subject),
    now: () => state.now,
    /** Everything in the ledger, as it was raised. */
    raised: (): readonly StoredAlert[] => [...alerts],
    async [Symbol.asyncDispose]() {
      await alerting.stop();
      database.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
