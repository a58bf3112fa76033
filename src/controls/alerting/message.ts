import type { Subject } from '../../kernel/index.ts';
import { alertRule, runbookAnchor } from './rules.ts';
import type { AlertMessage, AlertSettings, MessageKind, StoredAlert } from './types.ts';

/** Characters of one line that somebody else may have had a say in. */
const MAX_TITLE = 300;
const MAX_FACT = 200;
/** Facts that a message repeats; the ledger has all of them. */
const MAX_FACTS = 12;

/** Control characters, and those that change the direction or the lines of displayed text (attacks 74, 94). */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+/g;

/** One line of text that cannot look like two, whoever had a say in it. */
export function oneLine(text: string, most = MAX_TITLE): string {
  const safe = text.toWellFormed().replace(UNSAFE, ' ').trim();
  return safe.length <= most ? safe : `${safe.slice(0, most - 1)}\u2026`;
}

type Names = Pick<AlertSettings, 'install' | 'runbook'>;

/** How an alert is named to a person: `gateway:812`. */
export function alertId({ writer, seq }: { readonly writer: string; readonly seq: number }): string {
  return `${writer}:${seq}`;
}

function runbookOf(rule: string, { runbook }: Names): string {
  return `${runbook}#${runbookAnchor(rule)}`;
}

function whereOf({ principal, agent, session, run, channel, sender }: Subject): string {
  const parts = { principal, agent, session, run, channel, sender };
  return Object.entries(parts)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${oneLine(value, MAX_FACT)}`]))
    .join(', ');
}

function factLines(data: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(data)
    .filter(([, value]) => value !== null)
    .slice(0, MAX_FACTS)
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return `  ${oneLine(name, 60)}: ${oneLine(text ?? '', MAX_FACT)}`;
    });
}

const KIND_WORDS: Readonly<Partial<Record<MessageKind, string>>> = {
  escalation: 'nobody has acknowledged this',
  test: 'test',
};

/**
 * What a person needs at night: what happened, where, what to type next, where to read on, and how to say "I have it".
 * Values come from the ledger, where they were redacted; here they are made unable to forge a line.
 */
export function alertMessage(
  alert: StoredAlert,
  id: string,
  kind: 'alert' | 'escalation' | 'test',
  names: Names,
): AlertMessage {
  const rule = alertRule(alert.rule);
  const title = oneLine(alert.title);
  const where = alert.subject === undefined ? '' : whereOf(alert.subject);
  const facts = factLines(alert.data ?? {});
  const runbook = runbookOf(alert.rule, names);
  const mark = KIND_WORDS[kind];
  const drill = alert.drill === undefined ? '' : '[drill] ';
  const subject = oneLine(
    `[${names.install}] ${alert.severity}: ${drill}${mark === undefined ? '' : `${mark}: `}${title}`,
  );
  const lines = [
    ...(alert.drill === undefined
      ? []
      : [`This was provoked on purpose by the drill run ${oneLine(alert.drill)}.`]),
    `What happened: ${title}`,
    ...(rule === undefined ? [] : [`What it means: ${rule.means}`]),
    `Where:         ${oneLine(names.install)}, process ${oneLine(alert.writer)}${where === '' ? '' : `; ${where}`}`,
    `When:          ${new Date(alert.at).toISOString()}${alert.repeats > 0 ? `, ${alert.repeats} more before it` : ''}`,
    ...(facts.length === 0 ? [] : ['Facts:', ...facts]),
    `What to do:    ${oneLine(alert.fix, 1_000)}`,
    ...(rule === undefined ? [] : [`First command: ${rule.command}`]),
    `Runbook:       ${runbook}`,
    `Take it:       gatehouse alerts ack ${alertId(alert)}`,
    `Rule and code: ${oneLine(alert.rule)} ${oneLine(alert.code)}`,
  ];
  const { rule: name, code, severity, fix, repeats, at, subject: who, data = {}, drill: run } = alert;
  return {
    id,
    kind,
    severity,
    subject,
    text: lines.join('\n'),
    body: {
      id: alertId(alert),
      install: names.install,
      rule: name,
      code,
      severity,
      title,
      means: rule?.means ?? '',
      fix,
      command: rule?.command ?? '',
      runbook,
      acknowledge: `gatehouse alerts ack ${alertId(alert)}`,
      at,
      repeats,
      ...(who === undefined ? {} : { subject: who }),
      ...(run === undefined ? {} : { drill: run }),
      facts: data,
    },
  };
}

/** One message for everything that was held back because a destination had had enough for an hour. */
export function digestMessage(
  held: readonly { readonly rule: string; readonly count: number }[],
  id: string,
  names: Names,
): AlertMessage {
  const total = held.reduce((sum, { count }) => sum + count, 0);
  const title = `${total} further alerts were held back, because this destination had enough for an hour`;
  return {
    id,
    kind: 'digest',
    severity: 'warning',
    subject: oneLine(`[${names.install}] warning: ${title}`),
    text: [
      title,
      ...held.map(({ rule, count }) => `  ${count} x ${oneLine(rule)}  ${runbookOf(rule, names)}`),
      'What to do:    gatehouse alerts list --since 2h',
    ].join('\n'),
    body: { install: names.install, title, held },
  };
}

/** Says that telling people works; whoever watches it notices when it stops. */
export function heartbeatMessage(id: string, at: number, open: number, names: Names): AlertMessage {
  const title = `Gatehouse is alive; ${open} alerts are not acknowledged`;
  return {
    id,
    kind: 'heartbeat',
    severity: 'warning',
    subject: oneLine(`[${names.install}] ${title}`),
    text: `${title}\nWhen: ${new Date(at).toISOString()}`,
    body: { install: names.install, title, at, open },
  };
}
