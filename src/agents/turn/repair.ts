import type { GatehouseError } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { TurnRecord } from '../sessions/log.ts';
import type { NewMessage } from '../sessions/rows.ts';
import { userRow } from './accept.ts';
import { openCalls } from './context.ts';
import { outcomeOf } from './loop.ts';
import { MAX_REMEMBERED_RUNS } from './runs.ts';
import { conduct, type Launch, laneOf, makeTurn, startQueued, type TurnHost } from './start.ts';

/**
 * After a crash or a stop: turns that waited for a person go on, queued ones start, all others are closed with
 * rows that say what is not known. A call that may have started is never run again.
 */
export async function repairTurns(
  host: TurnHost,
): Promise<{ readonly interrupted: readonly string[]; readonly resumed: readonly string[] }> {
  const { log, provenance } = host.ports.sessions;
  await provenance.repair();
  host.runs.remember(await log.recent(MAX_REMEMBERED_RUNS));
  const interrupted: string[] = [];
  const resumed: string[] = [];
  for (const record of await log.unfinished()) {
    const goesOn = await resume(host, record);
    if (!goesOn) await interrupt(host, record);
    (goesOn ? resumed : interrupted).push(record.runId);
  }
  return { interrupted, resumed };
}

/** Whether the turn could be taken up with the rights that its principal has now. */
async function resume(host: TurnHost, record: TurnRecord): Promise<boolean> {
  if (record.status === 'running' || record.request.detached === true) return false;
  const { ports, lanes, runs } = host;
  const policy = ports.policyOf(record.agent);
  const authority = ports.rightsOf(record.request.subject, record.space);
  if (policy === undefined || authority === undefined) return false;
  const launch: Launch = { entry: record, policy, authority };
  const lane = laneOf(record.space, record.key);
  const free = lanes.take(lane, record.runId);
  if (record.status === 'queued') {
    const run = runs.add(record.runId, record.space, record.digest);
    const start = () => void startQueued(host, run, launch, [userRow(record.request)], Promise.resolve());
    if (free) start();
    else
      lanes.enqueue(lane, {
        runId: record.runId,
        subject: record.request.subject,
        start,
        drop: (reason) => dropped(host, record, run.settle, reason),
      });
    return true;
  }
  if (!free) return false;
  const [session, messages] = await Promise.all([
    ports.sessions.findById(record.sessionId),
    ports.sessions.log.context(record.sessionId),
  ]);
  if (session === undefined) {
    lanes.release(lane);
    return false;
  }
  const { taint, model } = session;
  const start = {
    messages,
    taint,
    steps: record.steps,
    usage: record.usage,
    ...(model === null ? {} : { model }),
  };
  const turn = await makeTurn(host, launch, record.sessionId, start);
  turn.status = 'waiting';
  conduct(host, runs.add(record.runId, record.space, record.digest), turn);
  return true;
}

async function dropped(
  host: TurnHost,
  record: TurnRecord,
  settle: (outcome: ReturnType<typeof outcomeOf>) => void,
  reason: GatehouseError,
): Promise<void> {
  const outcome = outcomeOf({ text: '', usage: record.usage }, reason);
  if (reason.code !== 'TURN_SUSPENDED') await host.ports.sessions.log.close(record.runId, outcome);
  settle(outcome);
}

async function interrupt(host: TurnHost, record: TurnRecord): Promise<void> {
  const { ports } = host;
  const error = TURN_CODES.error('TURN_INTERRUPTED');
  const outcome = outcomeOf({ text: '', usage: record.usage }, error);
  await ports.ledger.append({
    type: 'message',
    action: 'turn.interrupted',
    outcome: 'unknown',
    code: error.code,
    subject: { ...record.request.subject, agent: record.agent, session: record.key, run: record.runId },
    trace: record.request.trace,
    data: { steps: record.steps, was: record.status },
  });
  await ports.approvals.cancelForRun(record.runId);
  const { log } = ports.sessions;
  const queued = record.status === 'queued';
  const sessionId = queued
    ? (await log.begin(record, [userRow(record.request)])).session.sessionId
    : record.sessionId;
  await log.write({
    runId: record.runId,
    sessionId,
    messages: [...unknownResults(queued ? [] : await log.context(sessionId), record.runId), notice(error)],
    status: 'interrupted',
    outcome,
    discard: record.request.detached === true,
  });
}

function unknownResults(messages: Parameters<typeof openCalls>[0], run: string): readonly NewMessage[] {
  return openCalls(messages, run).map((call) => ({
    role: 'toolResult',
    toolCallId: call.id,
    toolName: call.name,
    content: 'The outcome is unknown: interrupted; not run again.',
    isError: true,
    taint: [],
  }));
}

function notice(error: GatehouseError): NewMessage {
  const content = [{ type: 'text', text: `[${error.message}]` }] as const;
  return { role: 'assistant', content, model: 'gatehouse', stopReason: 'interrupted', taint: [] };
}
