import assert from 'node:assert/strict';
import type { AgentPolicy, TurnEvent, TurnOutcome, TurnRequest } from '../../agents/types.ts';
import type { ConfigIssue } from '../../configuration/types.ts';
import { type Principal, principalLayer, type Scope } from '../../controls/auth/index.ts';
import type { ApprovalRecord } from '../../controls/execution/types.ts';
import type { LedgerRecord } from '../../controls/trace/types.ts';
import { authorityOf, type GatehouseError, type LedgerEvent, type Subject } from '../../kernel/index.ts';
import { createCallers } from '../callers.ts';
import type { Caller, CallOptions } from '../define.ts';
import { createDispatcher } from '../dispatcher.ts';
import { OPERATIONS } from '../index.ts';
import { ownRunId } from '../run-id.ts';
import type { Services } from '../services.ts';

export const OK: TurnOutcome = {
  status: 'ok',
  text: 'hi',
  stopReason: 'stop',
  usage: { inputTokens: 1, outputTokens: 1 },
  model: 'p/m',
};

function session(space: string, key: string, sessionId: string) {
  return {
    space,
    key,
    sessionId,
    agent: 'main',
    label: null,
    status: 'idle',
    createdAt: 1,
    updatedAt: 1,
    messageCount: 0,
    lastMessagePreview: null,
    taint: [],
    model: null,
    thinkingLevel: null,
    verboseLevel: null,
    archived: false,
    pinned: false,
    inputTokens: 0,
    outputTokens: 0,
    activeRunId: null,
  };
}

const ROWS = [session('operator', 'agent:main:main', 's-op'), session('bob', 'agent:main:main', 's-bob')];

function policy(agent: string): AgentPolicy {
  const rules = [
    { id: 'tools', kind: 'tool.call', effect: 'allow' },
    { id: 'ls', kind: 'exec', effect: 'allow', match: { program: ['ls'] } },
    { id: 'reads', kind: 'file.read', effect: 'allow' },
  ] as const;
  return {
    agent,
    name: agent,
    playbook: 'default',
    authority: authorityOf({ id: `playbook:${agent}`, rules }),
    taintPolicy: { untrusted: { exec: 'deny' } },
    models: ['p/m'],
    systemPrompt: '',
    workspace: '/srv/w',
    workspaceAccess: 'rw',
    mounts: [],
    sandboxScope: 'agent',
    env: {},
    limits: {
      memoryBytes: 1,
      processes: 1,
      fileBytes: 1,
      tmpBytes: 1,
      wallMs: 1,
      cpuSeconds: 1,
      outputBytes: 1,
      openFiles: 1,
    },
    turn: { steps: 1, tokens: 1, wallMs: 1, contextTokens: 1, approvalMs: 1 },
  };
}

function approval(id: string, agent: string): ApprovalRecord {
  return {
    id,
    bindingHash: 'h',
    binding: { tool: 'shell', argv: ['ls'], cwd: '/', env: {}, files: {}, sandbox: 'd', agent, session: 's' },
    commandText: 'ls',
    title: 't',
    diff: null,
    reach: null,
    batch: null,
    people: 1,
    allowedBy: [],
    standingUntil: null,
    reason: 'r',
    rule: 'x/y',
    subject: { principal: 'p' },
    status: 'pending',
    createdAt: 1,
    expiresAt: 2,
    resolvedAt: null,
    resolvedBy: null,
    decision: null,
  };
}

const DEVICE = {
  deviceId: 'd-bob',
  publicKey: 'k',
  principal: 'bob',
  displayName: 'phone',
  platform: 'ios',
  role: 'operator',
  scopes: [],
  createdAt: 1,
  approvedAt: 1,
};

/** Services that record what they were asked to do, in order. */
export interface World {
  readonly events: LedgerEvent[];
  readonly did: unknown[];
  readonly started: TurnRequest[];
  readonly services: Services;
  publish(event: Partial<TurnEvent>): void;
  append(record: Partial<LedgerRecord>): void;
  finish(outcome: TurnOutcome): void;
}

/** What is not in order: in the configuration file, only odd in it, and missing from the gateway. */
interface Disorder {
  readonly issues?: readonly ConfigIssue[];
  readonly warnings?: readonly ConfigIssue[];
  readonly failing?: readonly string[];
}

export function world({ issues = [], warnings = [], failing = [] }: Disorder = {}): World {
  const events: LedgerEvent[] = [];
  const did: unknown[] = [];
  const started: TurnRequest[] = [];
  const turnListeners = new Set<(event: TurnEvent) => void>();
  const ledgerRows: LedgerRecord[] = [];
  const ledgerListeners = new Set<(record: LedgerRecord) => void>();
  const done = Promise.withResolvers<TurnOutcome>();
  const services = {
    clock: { now: () => 1_000, monotonic: () => 1_000 },
    logger: { info() {}, warn() {}, error() {} },
    home: { run: '/run/gh' },
    egress: { status: () => Promise.reject(new Error('no egress')) },
    budget: {
      spend: async () => undefined,
      reserve: async () => ({ settle: async () => undefined }),
      show: async () => [],
      unpriced: () => [],
    },
    config: {
      current: () => ({
        defaultAgent: 'main',
        providers: [],
        agents: new Map(['main', 'secret'].map((agent) => [agent, policy(agent)])),
        egressRules: new Map(),
        hash: 'h',
        snapshot: 1,
        warnings,
      }),
      validate: async () => ({ ok: issues.length === 0, issues }),
      reload: async () => ({
        applied: false,
        refused: issues.length > 0,
        issues: [...warnings, ...issues],
      }),
      set: async (path: string, value: unknown, by: object) => {
        did.push({ set: path, value, by });
        return { number: 2, hash: 'h', at: 1, author: 'x', ticket: '', reason: '' };
      },
    },
    ledger: {
      append: async (event: LedgerEvent) => {
        events.push(event);
        return { writer: 'test', seq: events.length, hash: 'h' };
      },
      query: async () => [],
      search: async () => ({ records: [] }),
      follow: async (place: number | undefined, limit: number) => {
        const records = place === undefined ? [] : ledgerRows.slice(place, place + limit);
        return { records, place: (place ?? ledgerRows.length) + records.length };
      },
      onAppend(listener: (record: LedgerRecord) => void) {
        ledgerListeners.add(listener);
        return () => ledgerListeners.delete(listener);
      },
    },
    denials: { record: async (event: LedgerEvent) => void events.push(event) },
    sessions: {
      canonicalKey: (key: string, agent: string) =>
        key.startsWith('agent:') ? key : `agent:${agent}:${key}`,
      list: async (filter: { space?: string }) => {
        const sessions = ROWS.filter(({ space }) => filter.space === undefined || space === filter.space);
        return { sessions, total: sessions.length };
      },
      find: async (space: string, key: string) => ROWS.find((row) => row.space === space && row.key === key),
      findById: async (id: string) => ROWS.find((row) => row.sessionId === id),
      history: async (id: string) => {
        did.push({ history: id });
        return [];
      },
    },
    turns: {
      start: async (request: TurnRequest) => {
        started.push(request);
        return { runId: request.idempotencyKey, status: 'started', done: done.promise };
      },
      abort: async (space: string, key: string, runId?: string) => {
        did.push({ abort: [space, key, runId] });
        return ['r1'];
      },
      wait: async () => OK,
      spaceOf: (run: string) => (run === ownRunId('bob', 'bobs-run') ? 'bob' : undefined),
      inFlight: () => undefined,
      subscribe(listener: (event: TurnEvent) => void) {
        turnListeners.add(listener);
        return () => turnListeners.delete(listener);
      },
    },
    approvals: {
      get: async (id: string) => (id === 'a-secret' ? approval(id, 'secret') : approval(id, 'main')),
      list: async () => [approval('a-main', 'main'), approval('a-secret', 'secret')],
      resolve: async (id: string, decision: string, approver: Subject) => {
        did.push({ resolve: id, decision, approver });
        return approval(id, 'main');
      },
    },
    egressQuestions: {
      settle: async () => undefined,
      settleAll: async () => undefined,
    },
    auth: {
      listDevices: async () => ({ pending: [], paired: [DEVICE] }),
      removeDevice: async (id: string) => {
        did.push({ remove: id });
        return DEVICE;
      },
      issueToken: async (request: object) => {
        did.push({ issue: request });
        return {
          token: 'gth_id_topsecret_sum',
          summary: {
            id: 'id',
            name: 'n',
            version: 1,
            principal: 'token:id',
            scopes: [],
            agents: [],
            addresses: [],
            owner: '',
            ticket: '',
            createdAt: 1,
            expiresAt: null,
            revokedAt: null,
            lastUsedAt: null,
            lastUsedFrom: null,
          },
        };
      },
    },
    images: {
      plan: async ({ backend, packages = [] }: { backend: string; packages?: readonly string[] }) => ({
        backend,
        name: 'localhost/gatehouse-sandbox:test',
        suite: 'bookworm',
        packages,
        steps: ['one', 'two'],
        ready: null,
      }),
      build: async () => ({ name: 'localhost/gatehouse-sandbox:test', id: `sha256:${'a'.repeat(64)}` }),
      recorded: () => undefined,
    },
    sandbox: {
      backend: 'bubblewrap',
      names: ['bubblewrap', 'podman'],
      probeOf: async (backend: string) => ({
        backend,
        available: backend === 'bubblewrap',
        version: backend === 'bubblewrap' ? '0.8.0' : '',
        features: {},
        ...(backend === 'bubblewrap' ? {} : { fix: 'install it' }),
      }),
      probe: async () => ({ backend: 'bubblewrap', available: true, version: '0.8.0', features: {} }),
      explain: (spec: { cwd: string; egressSocket?: string }) => [
        `cwd ${spec.cwd}`,
        String(spec.egressSocket),
      ],
    },
    runtime: {
      version: '2.0.0',
      findings: async () => [],
      ready: () => ({ ready: failing.length === 0, failing }),
    },
  };
  return {
    events,
    did,
    started,
    services: services as unknown as Services,
    publish: (event) => turnListeners.forEach((listener) => listener(event as TurnEvent)),
    append(record) {
      ledgerRows.push(record as LedgerRecord);
      for (const listener of ledgerListeners) listener(record as LedgerRecord);
    },
    finish: (outcome) => done.resolve(outcome),
  };
}

const { callerOf } = createCallers({ principalLayer });

export function person(id: string, scopes: readonly Scope[], agents: readonly string[] = ['*']): Caller {
  const principal: Principal = { id, name: id, kind: 'token', scopes, agents, credentialId: `c-${id}` };
  return callerOf(principal, 'http', 'trace-1');
}

export const ADMIN = person('root', [
  'operator.admin',
  'operator.read',
  'operator.write',
  'operator.approvals',
  'operator.pairing',
]);
export const BOB = person('bob', ['operator.read', 'operator.write']);

export function call(
  where: World,
  id: string,
  caller: Caller,
  input: object = {},
  options: CallOptions = {},
) {
  const dispatcher = createDispatcher({ operations: OPERATIONS, services: where.services });
  return dispatcher.call(id, caller, input, options) as Promise<Record<string, unknown>>;
}

export async function failure(attempt: Promise<unknown>): Promise<GatehouseError> {
  try {
    await attempt;
  } catch (thrown) {
    return thrown as GatehouseError;
  }
  throw new assert.AssertionError({ message: 'expected a refusal' });
}
