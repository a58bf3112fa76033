import { hostname } from 'node:os';
import { Type } from 'typebox';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { instant, strict } from '../schema.ts';
import { currentQuarter, quarterOf } from './period.ts';
import { REPORT_FORMATS } from './written.ts';

export const reportCreate = defineOperation({
  id: 'report.create',
  summary:
    'Report a quarter: rejected logins, egress, refusals, cost, revocations, drills, grants, approvals, alerts',
  description:
    'From hourly sums of the ledger, so that a million records take no longer than a thousand. With --changed the rejected logins per hour are compared before and after that moment.',
  input: strict({
    quarter: Type.Optional(
      Type.String({
        pattern: '^\\d{4}[Qq][1-4]$',
        description: 'For example 2026Q4, in UTC; the current one when absent.',
      }),
    ),
    since: Type.Optional(instant('Begin here instead of at the beginning of the quarter.')),
    until: Type.Optional(instant('End here.')),
    changed: Type.Optional(instant('Something was changed here: compare before and after.')),
    format: Type.Optional(
      Type.Enum([...REPORT_FORMATS], { description: 'How `text` is written; md when absent.' }),
    ),
  }),
  output: strict({
    title: Type.String(),
    install: Type.String(),
    from: Type.Number({ description: 'Unix milliseconds.' }),
    until: Type.Number({ description: 'Unix milliseconds; not part of the period.' }),
    complete: Type.Boolean({ description: 'The period is over.' }),
    createdAt: Type.Number(),
    sections: Type.Array(
      strict({
        id: Type.String(),
        title: Type.String(),
        columns: Type.Array(Type.String()),
        rows: Type.Array(Type.Array(Type.Union([Type.String(), Type.Number()]))),
        note: Type.String(),
      }),
    ),
    text: Type.String({ description: 'The same in the format asked for.' }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['OP_INPUT_INVALID'],
  cli: {
    command: 'report',
    examples: [
      'gatehouse report --quarter 2026Q4',
      'gatehouse report --quarter 2026Q4 --format html > report.html',
      'gatehouse report --since 30d --changed 2026-11-03 --format csv',
    ],
    offline: true,
  },
  async run({ services }, { quarter, since, until, changed, format = 'md' }) {
    const now = services.clock.now();
    const whole = quarter === undefined ? currentQuarter(now) : quarterOf(quarter);
    const asked = {
      ...whole,
      from: since ?? whole.from,
      until: until ?? (since === undefined ? whole.until : now),
    };
    if (asked.from >= asked.until || asked.from > now)
      throw OP_CODES.error('OP_INPUT_INVALID', 'the period ends before it begins, or has not begun');
    const period = since === undefined && until === undefined ? asked : { ...asked, title: titleOf(asked) };
    const { gatherReport } = await import('./gather.ts');
    const { writtenReport } = await import('./written.ts');
    const report = await gatherReport(services, period, {
      install: services.config.current().config.alerts?.install ?? hostname(),
      ...(changed === undefined ? {} : { changedAt: changed }),
    });
    return { ...report, text: writtenReport(report, format) };
  },
});

function titleOf({ from, until }: { readonly from: number; readonly until: number }): string {
  return `${new Date(from).toISOString().slice(0, 10)} to ${new Date(until).toISOString().slice(0, 10)}`;
}
