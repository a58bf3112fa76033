import type { Subject } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import { createTools } from '../tools/index.ts';
import type { InsideScript } from '../tools/web-fetch.ts';
import type { TurnEvent, TurnOutcome, TurnService } from '../types.ts';
import { invokeTool } from './invoke.ts';
import { Lanes } from './lanes.ts';
import { describeTool, offeredTools } from './offer.ts';
import type { TurnPorts } from './ports.ts';
import { repairTurns } from './repair.ts';
import { Runs } from './runs.ts';
import { laneOf, startTurn, type TurnHost } from './start.ts';
import type { Turn } from './turn.ts';
import { Workspaces } from './workspaces.ts';

/** Milliseconds that turns get to store their end after the deadline of a drain. */
const SETTLE_MS = 5_000;

export interface TurnServiceOptions extends Omit<TurnPorts, 'tools' | 'workspaces' | 'sleep' | 'rightsOf'> {
  readonly insideScript: InsideScript;
  /** Absent means that no turn goes on after a restart. */
  readonly rightsOf?: TurnPorts['rightsOf'];
  readonly sleep?: TurnPorts['sleep'];
}

/** The turn loop as everyone else sees it. */
export function createTurnService(options: TurnServiceOptions): TurnService {
  const ports: TurnPorts = {
    ...options,
    tools: createTools(options.insideScript),
    workspaces: new Workspaces(),
    rightsOf: options.rightsOf ?? (() => undefined),
    sleep: options.sleep ?? sleep,
  };
  const listeners = new Set<(event: TurnEvent) => void>();
  let draining = false;
  const host: TurnHost = {
    ports,
    runs: new Runs(),
    lanes: new Lanes(),
    detached: new Map(),
    invoking: new Map(),
    draining: () => draining,
    publish(event) {
      tell(ports, listeners, event);
      // A turn that comes to wait while the process ends has nothing under way and can stop here.
      if (draining && event.type === 'tool.approval') suspend(host);
    },
  };

  return {
    start: (request) => startTurn(host, request),
    abort: (space, key, runId) => abort(host, space, key, runId),
    abortPrincipal: (principal) => abortOf(host, (subject) => subject.principal === principal),
    abortCredential: (credential) => abortOf(host, (subject) => subject.credential === credential),
    reconsider() {
      for (const turn of [...host.lanes.turns(), ...host.detached.values(), ...host.invoking.values()])
        turn?.reconsider();
    },
    wait: (runId, timeoutMs) => wait(host, runId, timeoutMs),
    spaceOf: (runId) => host.runs.ownerOf(runId),
    inFlight(space, key) {
      const turn = host.lanes.turnOf(laneOf(space, key));
      return turn === undefined
        ? undefined
        : { runId: turn.id.runId, text: turn.text, startedAt: turn.startedAt };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    invokeTool: (request, signal) => invokeTool(host, request, signal),
    tools(agent) {
      const policy = ports.policyOf(agent);
      if (policy === undefined) throw TURN_CODES.error('TURN_AGENT_UNKNOWN');
      return offeredTools(ports, policy.authority, { principal: 'agent', agent }, policy).map(describeTool);
    },
    repair: () => repairTurns(host),
    async drain(deadlineMs) {
      draining = true;
      await drain(host, deadlineMs);
    },
  };
}

/** A listener's failure is its own. */
function tell(ports: TurnPorts, listeners: ReadonlySet<(event: TurnEvent) => void>, event: TurnEvent): void {
  for (const listener of listeners) {
    try {
      listener(event);
    } catch (thrown) {
      ports.logger.error('a listener of turn events failed', { cause: `${thrown}` });
    }
  }
}

async function abort(host: TurnHost, space: string, key: string, runId?: string): Promise<readonly string[]> {
  const reason = TURN_CODES.error('TURN_ABORTED');
  const lane = laneOf(space, key);
  const queued = host.lanes.withdraw(lane, runId);
  const stopped = host.lanes.stop(lane, reason, runId);
  const loose = [...host.detached.values()].filter((turn) => isMeant(turn, space, key, runId));
  for (const turn of loose) turn.stop(reason);
  await Promise.all(queued.map((item) => item.drop(reason)));
  return [
    ...(stopped === undefined ? [] : [stopped]),
    ...queued.map((item) => item.runId),
    ...loose.map((turn) => turn.id.runId),
  ];
}

async function abortOf(
  host: TurnHost,
  isMeantSubject: (subject: Subject) => boolean,
): Promise<readonly string[]> {
  const reason = TURN_CODES.error('TURN_ABORTED', 'the credential that started this turn is no longer valid');
  const queued = host.lanes.withdrawOf(isMeantSubject);
  const turns = [...host.lanes.turns(), ...host.detached.values()].filter((turn) =>
    isMeantSubject(turn.subject),
  );
  for (const turn of turns) turn.stop(reason);
  await Promise.all(queued.map((item) => item.drop(reason)));
  return [...turns.map((turn) => turn.id.runId), ...queued.map((item) => item.runId)];
}

function isMeant(turn: Turn, space: string, key: string, runId: string | undefined): boolean {
  return turn.id.space === space && turn.id.key === key && (runId === undefined || turn.id.runId === runId);
}

async function wait(host: TurnHost, runId: string, timeoutMs: number): Promise<TurnOutcome | undefined> {
  const run = host.runs.get(runId);
  if (run === undefined) return (await host.ports.sessions.log.find(runId))?.outcome;
  return within(run.done, timeoutMs);
}

/** The promise's value, or undefined after that many milliseconds. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function suspend(host: TurnHost): void {
  const reason = TURN_CODES.error('TURN_SUSPENDED');
  for (const turn of [...host.lanes.turns(), ...host.detached.values()]) {
    if (turn.status === 'waiting') turn.stop(reason);
  }
}

async function drain(host: TurnHost, deadlineMs: number): Promise<void> {
  const suspended = TURN_CODES.error('TURN_SUSPENDED');
  await Promise.all(host.lanes.withdrawAll().map((item) => item.drop(suspended)));
  suspend(host);
  const ended = () => Promise.all(host.runs.running().map((run) => run.done));
  await within(ended(), deadlineMs);
  const interrupted = TURN_CODES.error('TURN_INTERRUPTED');
  for (const turn of [...host.lanes.turns(), ...host.detached.values()]) turn.stop(interrupted);
  await within(ended(), SETTLE_MS);
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    }
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
