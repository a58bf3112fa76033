import type { Counted } from '../../../controls/activity/types.ts';
import { type Family, OTHER, type Sample } from '../../../controls/metrics/index.ts';

/** Names that configuration and code know; everything else in a label is `other`. */
export interface KnownNames {
  readonly models: ReadonlySet<string>;
  readonly tools: ReadonlySet<string>;
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples };
}

const CODE = /^[A-Z][A-Z0-9_]{0,79}$/;

/** Codes are ours or a library's constants; a text that is none becomes `other`. */
function codeOf({ code }: Counted): string {
  return CODE.test(code) ? code : code === '' ? 'none' : OTHER;
}

/** What happened since the process began, from the ledger's own counts. */
export function activityFamilies(totals: readonly Counted[], known: KnownNames): readonly Family[] {
  const of = (type: string, action?: string | RegExp) =>
    totals.filter(
      (row) =>
        row.type === type &&
        (action === undefined ||
          (typeof action === 'string' ? row.action === action : action.test(row.action))),
    );
  const named = (names: ReadonlySet<string>, name: string) => (names.has(name) ? name : OTHER);
  const counts = (rows: readonly Counted[], labels: (row: Counted) => Sample['labels']) =>
    rows.map((row) => ({ labels: labels(row), value: row.count }));
  const model = of('model', 'model.called');
  const closed = of('egress', 'net.closed');
  return [
    counter(
      'gatehouse_logins_refused_total',
      'Refused logins and requests before anybody was known, by code.',
      counts(of('login', 'login.refused'), (row) => ({ code: codeOf(row) })),
    ),
    counter(
      'gatehouse_logins_accepted_total',
      'Accepted logins; an HTTP credential counts once an hour and address.',
      counts(of('login', 'login.accepted'), () => ({})),
    ),
    counter(
      'gatehouse_operations_refused_total',
      'Operations that were refused to somebody who proved who it is, by code.',
      counts(
        of('decision', 'operation.call').filter(({ outcome }) => outcome !== 'allow'),
        (row) => ({ code: codeOf(row) }),
      ),
    ),
    counter(
      'gatehouse_decisions_total',
      'Decisions of the kernel that are on record, by kind of action and effect.',
      counts(of('decision'), ({ action, outcome }) => ({ kind: action, effect: outcome })),
    ),
    counter(
      'gatehouse_messages_total',
      'Chat messages and prompts, by what became of them.',
      counts(of('message'), ({ action }) => ({ action })),
    ),
    counter(
      'gatehouse_turns_total',
      'Turns that were started.',
      counts(of('message', 'message.received'), () => ({})),
    ),
    counter(
      'gatehouse_model_calls_total',
      'Calls of models, by model and outcome.',
      counts(model, ({ detail, outcome }) => ({ model: named(known.models, detail), outcome })),
    ),
    counter(
      'gatehouse_model_tokens_total',
      'Tokens in and out of models.',
      model.flatMap(({ detail, first, second }) => {
        const name = named(known.models, detail);
        return [
          { labels: { model: name, direction: 'input' }, value: first },
          { labels: { model: name, direction: 'output' }, value: second },
        ];
      }),
    ),
    counter(
      'gatehouse_tool_runs_total',
      'Tool runs that ended, by tool and outcome.',
      counts(of('tool', 'tool.finished'), ({ detail, outcome }) => ({
        tool: named(known.tools, detail),
        outcome,
      })),
    ),
    counter(
      'gatehouse_tool_seconds_total',
      'Time that tools ran, by tool.',
      of('tool', 'tool.finished').map(({ detail, first }) => ({
        labels: { tool: named(known.tools, detail) },
        value: first / 1_000,
      })),
    ),
    counter(
      'gatehouse_egress_connections_total',
      'Connections that were asked for, by class, effect and code of a refusal.',
      counts(of('egress', 'net.connect'), (row) => ({
        class: row.detail === '' ? 'none' : row.detail,
        effect: row.outcome,
        code: row.outcome === 'allow' ? 'none' : codeOf(row),
      })),
    ),
    counter(
      'gatehouse_egress_bytes_total',
      'Bytes of connections that have ended, by class and direction.',
      closed.flatMap(({ detail, first, second }) => [
        { labels: { class: detail || 'none', direction: 'sent' }, value: first },
        { labels: { class: detail || 'none', direction: 'received' }, value: second },
      ]),
    ),
    counter(
      'gatehouse_approvals_total',
      'What happened to approvals: asked, allowed, denied, expired, consumed.',
      counts(of('approval'), ({ action }) => ({ action })),
    ),
    counter(
      'gatehouse_changes_total',
      'Changes of state and configuration that somebody asked for, by outcome.',
      counts(
        of('change').filter(({ outcome }) => outcome !== 'started'),
        ({ outcome }) => ({ outcome }),
      ),
    ),
    counter(
      'gatehouse_alerts_total',
      'Alerts, by rule and severity.',
      counts(of('alert'), ({ action, detail }) => ({ rule: action, severity: detail || 'warning' })),
    ),
    counter(
      'gatehouse_drills_total',
      'Drills that were tried, by outcome.',
      counts(of('drill', 'drill.ran'), ({ outcome }) => ({
        outcome: { success: 'passed', failure: 'failed' }[outcome] ?? 'not_applicable',
      })),
    ),
  ];
}
