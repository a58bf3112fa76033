import { Type } from 'typebox';
import { EGRESS_CLASSES } from '../../controls/egress/types.ts';
import type { LedgerQuery, LedgerRecord } from '../../controls/trace/types.ts';
import { seesAgent } from '../access.ts';
import { defineOperation, type OperationContext } from '../define.ts';
import { instant, name, page, strict } from '../schema.ts';

const DEFAULT_LIMIT = 50;
const HOUR_MS = 3_600_000;
/** Hours that are looked into; with filters only those in which something fits. */
const MAX_HOURS = 10_000;
const LEDGER_PAGE = 1_000;
/** Milliseconds between two looks for what egress has written: its chain is another process's. */
const FOLLOW_MS = 500;

const EgressLine = strict({
  seq: Type.Integer({ description: "Number in egress's chain of the ledger." }),
  at: Type.Number({ description: 'Unix milliseconds.' }),
  what: Type.Enum(['asked', 'closed']),
  outcome: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  class: Type.String(),
  code: Type.String(),
  rule: Type.String(),
  agent: Type.String(),
  session: Type.String(),
  run: Type.String(),
  tool: Type.String(),
  via: Type.String(),
  sent: Type.Number(),
  received: Type.Number(),
});

export interface EgressLineShape {
  readonly seq: number;
  readonly at: number;
  readonly what: 'asked' | 'closed';
  readonly outcome: string;
  readonly host: string;
  readonly port: number;
  readonly class: string;
  readonly code: string;
  readonly rule: string;
  readonly agent: string;
  readonly session: string;
  readonly run: string;
  readonly tool: string;
  readonly via: string;
  readonly sent: number;
  readonly received: number;
}

const text = (value: unknown, otherwise = ''): string => (typeof value === 'string' ? value : otherwise);
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

function lineOf({ seq, at, action, outcome, code, rule, subject, data = {} }: LedgerRecord): EgressLineShape {
  return {
    seq,
    at,
    what: action === 'net.closed' ? 'closed' : 'asked',
    outcome,
    host: text(data['host'], text(data['raw'], '(malformed)')),
    port: number(data['port']),
    class: text(data['class']),
    code: code ?? '',
    rule: rule ?? '',
    agent: subject?.agent ?? '',
    session: subject?.session ?? '',
    run: subject?.run ?? '',
    tool: subject?.tool ?? '',
    via: text(data['via']),
    sent: number(data['sent']),
    received: number(data['received']),
  };
}

interface Wanted {
  readonly host?: string;
  readonly class?: string;
  readonly outcome?: string;
  readonly agent?: string;
  readonly run?: string;
}

function fits(line: EgressLineShape, wanted: Wanted): boolean {
  return (['host', 'class', 'outcome', 'agent', 'run'] as const).every(
    (key) => wanted[key] === undefined || line[key] === wanted[key],
  );
}

type Context = OperationContext<EgressLineShape>;

/** The last lines that fit. Totals say in which hours to look, so that a rare host does not cost the whole ledger. */
async function lastLines(context: Context, wanted: Wanted, since: number, until: number, limit: number) {
  const { ledger, traffic } = context.services;
  const { run, outcome, ...filter } = wanted;
  const narrowed = filter.host !== undefined || filter.class !== undefined;
  const effect =
    outcome === 'allow' || outcome === 'ask' || outcome === 'deny' ? ({ effect: outcome } as const) : {};
  const hours = narrowed ? await traffic.hours({ ...filter, ...effect, since, until }, MAX_HOURS) : undefined;
  const spans = hours?.map(
    (start) => [Math.max(since, start - 1), Math.min(until, start + HOUR_MS)] as const,
  ) ?? [[since, until] as const];
  const found: EgressLineShape[] = [];
  for (const [after, end] of spans) {
    let before = end;
    while (found.length < limit) {
      const query: LedgerQuery = {
        type: 'egress',
        after,
        before,
        limit: LEDGER_PAGE,
        ...(wanted.agent === undefined ? {} : { agent: wanted.agent }),
        ...(run === undefined ? {} : { run }),
      };
      const records = await ledger.query(query);
      const lines = records
        .map(lineOf)
        .filter((line) => fits(line, wanted) && seesAgent(context as never, line.agent));
      found.unshift(...lines.slice(-(limit - found.length)));
      const oldest = records[0];
      if (records.length < LEDGER_PAGE || oldest === undefined) break;
      before = oldest.at === before ? oldest.at - 1 : oldest.at;
      if (context.signal.aborted) return found;
    }
    if (found.length >= limit) break;
  }
  return found;
}

async function follow(context: Context, wanted: Wanted, from: number): Promise<void> {
  let last = from;
  while (!context.signal.aborted) {
    const records = await context.services.ledger.readWriter('egress', last, LEDGER_PAGE);
    for (const record of records) {
      last = record.seq;
      if (record.type !== 'egress') continue;
      const line = lineOf(record);
      if (fits(line, wanted) && seesAgent(context as never, line.agent)) context.emit(line);
    }
    if (records.length === LEDGER_PAGE) continue;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FOLLOW_MS);
      context.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}

export const egressLog = defineOperation({
  id: 'egress.log',
  summary: 'Show what was asked for and how it ended, one line per decision and per closed connection',
  input: strict({
    limit: Type.Optional(page(`Lines at most; ${DEFAULT_LIMIT} when absent.`)),
    since: Type.Optional(instant('Only after this time.')),
    until: Type.Optional(instant('Only before this time.')),
    agent: Type.Optional(name('Only this agent.')),
    run: Type.Optional(name('Only this run.')),
    host: Type.Optional(
      Type.String({ description: 'Only this host, exactly.', minLength: 1, maxLength: 253 }),
    ),
    class: Type.Optional(Type.Enum([...EGRESS_CLASSES], { description: 'Only rules of this class.' })),
    outcome: Type.Optional(
      Type.Enum(['allow', 'ask', 'deny', 'success', 'failure'], {
        description: 'allow, ask and deny are decisions; success and failure are ends.',
      }),
    ),
    follow: Type.Optional(Type.Boolean({ description: 'Go on with new lines until stopped.' })),
  }),
  output: strict({ lines: Type.Array(EgressLine, { description: 'In the order of writing.' }) }),
  stream: Type.Unsafe<EgressLineShape>(EgressLine),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'egress log',
    examples: [
      'gatehouse egress log --outcome deny --since 1h',
      'gatehouse egress log --host api.example.org --agent dev',
      'gatehouse egress log --follow',
    ],
    offline: true,
  },
  async run(context, { limit = DEFAULT_LIMIT, since = 0, until, follow: more, ...wanted }) {
    const end = until ?? context.services.clock.now() + HOUR_MS;
    const lines = await lastLines(context, wanted, since, end, limit);
    if (more !== true) return { lines };
    for (const line of lines) context.emit(line);
    const newest = (await context.services.ledger.query({ type: 'egress', limit: 1 }))[0];
    await follow(context, wanted, lines.at(-1)?.seq ?? newest?.seq ?? 0);
    return { lines: [] };
  },
});
