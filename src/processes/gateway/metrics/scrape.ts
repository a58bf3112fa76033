import { exposition, type Family } from '../../../controls/metrics/index.ts';
import { activityFamilies } from './counters.ts';
import type { MetricParts } from './parts.ts';
import { processFamilies } from './process.ts';
import { budgetFamilies, egressFamilies, ledgerFamilies, listenFamilies, peopleFamilies } from './state.ts';

/** Milliseconds for which one look serves every scrape: whoever scrapes in a loop costs no more than one who does not. */
const FRESH_MS = 1_000;

/** Everything at once, as text; nothing is measured while nobody asks. */
export function createScrape(parts: MetricParts): () => Promise<string> {
  const { clock } = parts;
  let running: Promise<string> | undefined;
  let last: { readonly text: string; readonly at: number } | undefined;
  return async () => {
    if (last !== undefined && clock.monotonic() - last.at < FRESH_MS) return last.text;
    running ??= scrape(parts).finally(() => {
      running = undefined;
    });
    const text = await running;
    last = { text, at: clock.monotonic() };
    return text;
  };
}

async function scrape(parts: MetricParts): Promise<string> {
  const { core, runtime, clock } = parts;
  await core.activity.catchUp();
  const { agents, providers } = core.config.current();
  const models = new Set(providers.flatMap(({ id, models: own }) => own.map((model) => `${id}/${model.id}`)));
  for (const { models: own } of agents.values()) for (const model of own) models.add(model);
  const known = {
    models,
    tools: new Set([...agents.keys()].flatMap((agent) => core.turns.tools(agent).map(({ name }) => name))),
  };
  const families = [
    ...processFamilies(runtime.version, runtime.startedAt),
    ...activityFamilies(core.activity.totals(), known),
    ...runFamilies(parts),
    ...(await drillFamilies(parts)),
    ...(await peopleFamilies(parts)),
    ...(await budgetFamilies(parts)),
    ...(await listenFamilies(parts)),
    ...(await ledgerFamilies(parts)),
    ...(await egressFamilies(parts)),
    {
      name: 'gatehouse_scrape_timestamp_seconds',
      type: 'gauge',
      help: 'When this was measured, in Unix seconds.',
      samples: [{ labels: {}, value: Math.floor(clock.now() / 1_000) }],
    } as const,
  ];
  return exposition(families);
}

function runFamilies({ core: { runs }, spansDropped }: MetricParts): readonly Family[] {
  return [
    {
      name: 'gatehouse_sandbox_starts_total',
      type: 'counter',
      help: 'Runs that were started in a sandbox, by how they ended.',
      samples: [...runs.ended].map(([end, value]) => ({ labels: { end }, value })),
    },
    {
      name: 'gatehouse_spans_dropped_total',
      type: 'counter',
      help: 'Spans of traces that were dropped because the collector did not take them in time.',
      samples: [{ labels: {}, value: spansDropped() }],
    },
  ];
}

/** Runs of drills that one look goes back. */
const MAX_DRILLS = 100;

async function drillFamilies({ core, clock }: MetricParts): Promise<readonly Family[]> {
  const runs = await core.ledger.query({ type: 'drill', action: 'drill.finished', limit: MAX_DRILLS });
  const last = (outcome: string) => runs.findLast((run) => run.outcome === outcome)?.at ?? null;
  const [passedAt, failedAt] = [last('success'), last('failure')];
  const age = (at: number | null) =>
    at === null ? [] : [{ labels: {}, value: Math.max(0, Math.round((clock.now() - at) / 1_000)) }];
  return [
    {
      name: 'gatehouse_drills_passed_age_seconds',
      type: 'gauge',
      help: 'Seconds since a run of drills in which all passed; absent before the first.',
      samples: age(passedAt),
    },
    {
      name: 'gatehouse_drills_failed_age_seconds',
      type: 'gauge',
      help: 'Seconds since a run of drills in which one failed; absent when none ever did.',
      samples: age(failedAt),
    },
  ];
}
