import { loadDetector } from '../../controls/secrets/index.ts';
import { type Authority, asGatehouseError } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { TurnEntry } from '../sessions/log.ts';
import type { NewMessage } from '../sessions/rows.ts';
import { withOwnWorkspace } from '../task-workspaces/service.ts';
import type { AgentPolicy, TurnEvent, TurnHandle, TurnOutcome, TurnRequest } from '../types.ts';
import { type Accepted, accept } from './accept.ts';
import type { Lanes } from './lanes.ts';
import { outcomeOf, runTurn } from './loop.ts';
import type { TurnPorts } from './ports.ts';
import { handleStatus, type Run, type Runs, repeated } from './runs.ts';
import { Turn, type TurnStart } from './turn.ts';

/** What the parts of the turn service share. */
export interface TurnHost {
  readonly ports: TurnPorts;
  readonly runs: Runs;
  readonly lanes: Lanes;
  /** Turns of stateless runs, which no session holds. */
  readonly detached: Map<string, Turn>;
  /** Single tool calls that are running, by id; undefined until their turn is made. */
  readonly invoking: Map<string, Turn | undefined>;
  publish(event: TurnEvent): void;
  draining(): boolean;
}

/** The session a run belongs to, as a key of lanes. */
export function laneOf(space: string, key: string): string {
  return `${space}\n${key}`;
}

/** A turn with the rights it runs under. */
export interface Launch {
  readonly entry: TurnEntry;
  readonly policy: AgentPolicy;
  readonly authority: Authority;
}

/** Accept a request: its record and its first rows are durable when this resolves. */
export async function startTurn(host: TurnHost, request: TurnRequest): Promise<TurnHandle> {
  if (host.draining()) throw TURN_CODES.error('TURN_DRAINING');
  const accepted = await accept(host.ports, request);
  const { entry } = accepted;
  const known = host.runs.get(entry.runId);
  if (known !== undefined) return repeated(sameRequest(known, entry));
  const run = host.runs.add(entry.runId, entry.space, entry.digest);
  try {
    const earlier = await host.ports.sessions.log.find(entry.runId);
    if (earlier !== undefined) return await answered(host, run, sameRequest(earlier, entry).outcome);
    await countMessage(host.ports, accepted);
    await recordReceipt(host.ports, entry);
    await place(host, run, accepted);
  } catch (thrown) {
    host.runs.remove(entry.runId);
    run.settle(outcomeOf({ text: '', usage: { inputTokens: 0, outputTokens: 0 } }, asGatehouseError(thrown)));
    throw thrown;
  }
  return { runId: entry.runId, status: 'started', done: run.done };
}

/** A key names one request of one space; anything else under it is refused, also the look at its outcome. */
function sameRequest<T extends { readonly space: string; readonly digest: string }>(
  known: T,
  entry: TurnEntry,
): T {
  if (known.space === entry.space && known.digest === entry.digest) return known;
  throw TURN_CODES.error('TURN_KEY_REUSED');
}

async function answered(host: TurnHost, run: Run, outcome: TurnOutcome | undefined): Promise<TurnHandle> {
  const { runId } = run;
  const known =
    outcome ??
    outcomeOf({ text: '', usage: { inputTokens: 0, outputTokens: 0 } }, TURN_CODES.error('TURN_INTERRUPTED'));
  run.settle(known);
  return { runId, status: handleStatus(known), done: Promise.resolve(known) };
}

/** A sender's message is a request; one of a principal was counted where the call came in. Throws BUDGET_ codes. */
async function countMessage(ports: TurnPorts, { entry, policy }: Accepted): Promise<void> {
  const { subject, trace } = entry.request;
  if (subject.sender === undefined) return;
  const spender = { subject: { ...subject, agent: entry.agent }, trace, agentLimits: policy.budgets ?? [] };
  await ports.budget.spend(spender, { requests: 1 });
}

async function recordReceipt(ports: TurnPorts, entry: TurnEntry): Promise<void> {
  const { agent, key, runId, digest, request } = entry;
  try {
    await ports.ledger.append({
      type: 'message',
      action: 'message.received',
      outcome: 'allow',
      subject: { ...request.subject, agent, session: key, run: runId },
      trace: request.trace,
      data: { bytes: Buffer.byteLength(request.message), digest },
    });
  } catch (cause) {
    throw TURN_CODES.error('TURN_NOT_RECORDED', undefined, { cause });
  }
}

/** Give the turn its session, or a place in the queue. */
async function place(host: TurnHost, run: Run, accepted: Accepted): Promise<void> {
  const { entry, policy, request, messages } = accepted;
  const launch = { entry, policy, authority: request.authority };
  if (entry.request.detached === true) {
    await begin(host, run, launch, messages);
    return;
  }
  const lane = laneOf(entry.space, entry.key);
  if (!host.lanes.take(lane, entry.runId)) {
    if (request.whenBusy === 'refuse') throw TURN_CODES.error('TURN_BUSY');
    await queue(host, run, launch, messages);
    return;
  }
  try {
    await begin(host, run, launch, messages);
  } catch (thrown) {
    host.lanes.release(lane);
    throw thrown;
  }
}

async function queue(
  host: TurnHost,
  run: Run,
  launch: Launch,
  messages: readonly NewMessage[],
): Promise<void> {
  const { entry } = launch;
  const lane = laneOf(entry.space, entry.key);
  const stored = Promise.withResolvers<void>();
  stored.promise.catch(() => undefined);
  host.lanes.enqueue(lane, {
    runId: entry.runId,
    subject: entry.request.subject,
    start: () => void startQueued(host, run, launch, messages, stored.promise),
    async drop(reason) {
      const outcome = outcomeOf({ text: '', usage: { inputTokens: 0, outputTokens: 0 } }, reason);
      await stored.promise;
      if (reason.code !== 'TURN_SUSPENDED') await host.ports.sessions.log.close(entry.runId, outcome);
      run.settle(outcome);
    },
  });
  try {
    await host.ports.sessions.log.enqueue(entry);
    stored.resolve();
  } catch (thrown) {
    host.lanes.withdraw(lane, entry.runId);
    stored.reject(thrown);
    throw thrown;
  }
}

/** The turn's time in the queue is over. */
export async function startQueued(
  host: TurnHost,
  run: Run,
  launch: Launch,
  messages: readonly NewMessage[],
  stored: Promise<void>,
): Promise<void> {
  const { entry } = launch;
  try {
    await stored;
    await begin(host, run, launch, messages);
  } catch (thrown) {
    host.ports.logger.error('a queued turn could not start', { run: entry.runId, cause: `${thrown}` });
    run.settle(outcomeOf({ text: '', usage: { inputTokens: 0, outputTokens: 0 } }, asGatehouseError(thrown)));
    host.lanes.release(laneOf(entry.space, entry.key));
  }
}

async function begin(
  host: TurnHost,
  run: Run,
  launch: Launch,
  messages: readonly NewMessage[],
): Promise<void> {
  const { sessions } = host.ports;
  const begun = await sessions.log.begin(launch.entry, messages);
  const { session } = begun;
  const fresh = session.messageCount === 0;
  const context = fresh ? begun.messages : await sessions.log.context(session.sessionId);
  const turn = await makeTurn(host, launch, session.sessionId, {
    messages: context,
    taint: session.taint,
    steps: 0,
    usage: { inputTokens: 0, outputTokens: 0 },
    ...(session.model === null ? {} : { model: session.model }),
  });
  conduct(host, run, turn);
  for (const message of begun.messages) turn.emit({ type: 'message', message });
}

/** The detector is loaded with the first turn of the process. */
export async function makeTurn(
  host: TurnHost,
  launch: Launch,
  sessionId: string,
  start: TurnStart,
): Promise<Turn> {
  const { entry, policy, authority } = launch;
  const id = { ...entry, sessionId, policy: withOwnWorkspace(policy, sessionId), authority };
  return new Turn(host.ports, id, start, await loadDetector(), (event) => host.publish(event));
}

/** Let a turn run to its end in the background, and free its session then. */
export function conduct(host: TurnHost, run: Run, turn: Turn): void {
  const lane = laneOf(turn.id.space, turn.id.key);
  const detached = turn.id.request.detached === true;
  if (detached) host.detached.set(run.runId, turn);
  else host.lanes.running(lane, turn);
  void runTurn(host.ports, turn).then((outcome) => {
    if (detached) host.detached.delete(run.runId);
    else host.lanes.release(lane);
    run.settle(outcome);
  });
}
