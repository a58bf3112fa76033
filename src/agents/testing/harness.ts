import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Budget } from '../../controls/budget/index.ts';
import {
  type ApprovalTables,
  migrations as approvalMigrations,
  createApprovalService,
  type RunningApprovals,
} from '../../controls/execution/index.ts';
import { createBubblewrapSandbox } from '../../drivers/bubblewrap/index.ts';
import { type Database, openDatabase } from '../../drivers/sqlite/index.ts';
import {
  type Authority,
  authorityOf,
  DEFAULT_TAINT_POLICY,
  type EgressIdentity,
  type LedgerEvent,
  type Rule,
  type RunSpec,
  type Sandbox,
} from '../../kernel/index.ts';
import { migrations } from '../sessions/migrations.ts';
import { createSessionService, type SessionStore } from '../sessions/service.ts';
import type { SessionTables } from '../sessions/tables.ts';
import { createTurnService, type TurnServiceOptions } from '../turn/service.ts';
import type {
  AgentPolicy,
  ModelProvider,
  TurnEvent,
  TurnHandle,
  TurnLimits,
  TurnOutcome,
  TurnRequest,
  TurnService,
} from '../types.ts';

const MB = 1024 * 1024;

export const SYSTEM = {
  clock: { now: () => Date.now(), monotonic: () => performance.now() },
  random: { bytes: (size: number) => randomBytes(size), uuid: () => randomUUID() as string },
};

export const EVERYTHING: Authority = authorityOf({
  id: 'principal:p',
  rules: [{ id: 'all', kind: '*', effect: 'allow' }],
});

const allow = (kind: Rule['kind'], match?: Rule['match']): Rule => ({
  id: `allow-${kind}`,
  kind,
  effect: 'allow',
  ...(match === undefined ? {} : { match }),
});

/** A playbook like the shipped ones: workspace, a few programs, `touch` asked, one host. */
export const RULES: readonly Rule[] = [
  allow('agent.run'),
  allow('model.call'),
  allow('tool.call'),
  allow('file.read', { path: ['/workspace/**', '/tmp/**'] }),
  allow('file.write', { path: ['/workspace/**', '/tmp/**'] }),
  { id: 'private', kind: 'file.read', effect: 'deny', match: { path: ['/workspace/private/**'] } },
  allow('exec', { program: ['echo', 'uname', 'cat', 'sleep'], command: ['echo', 'uname', 'cat', 'sleep'] }),
  {
    id: 'ask-touch',
    kind: 'exec',
    effect: 'ask',
    match: { program: ['touch', 'sh'], command: ['touch', 'sh'] },
  },
  allow('net.connect', { host: ['good.example'], port: ['443'] }),
];

const SETTLED = { settle: () => Promise.resolve() };
const UNLIMITED: Budget = {
  reserve: async () => SETTLED,
  spend: async () => undefined,
  reserveBytes: async () => ({ bytes: undefined, settle: async () => undefined }),
  reserveTokens: async () => SETTLED,
};

export interface HarnessOptions {
  readonly budget?: Budget;
  readonly rules?: readonly Rule[];
  readonly providers: readonly ModelProvider[];
  readonly turn?: Partial<TurnLimits>;
  readonly policy?: Partial<AgentPolicy>;
  /** What egress says of every run that ends. */
  readonly reached?: boolean;
  /** Replaces the real sandbox. */
  readonly sandbox?: (real: Sandbox) => Sandbox;
  readonly rightsOf?: TurnServiceOptions['rightsOf'];
}

export interface Harness extends AsyncDisposable {
  readonly turns: TurnService;
  readonly sessions: SessionStore;
  readonly approvals: RunningApprovals;
  readonly ledger: FakeLedger;
  readonly workspace: string;
  /** Every run that reached the sandbox. */
  readonly runs: RunSpec[];
  readonly sockets: {
    readonly opened: EgressIdentity[];
    readonly closed: string[];
    /** Secrets that were asked for, by run. */
    readonly secrets: (readonly string[])[];
  };
  readonly events: TurnEvent[];
  readonly sleeps: number[];
  /** A second process over the same store, as after a crash. */
  restart(providers: readonly ModelProvider[]): TurnService;
  start(message: string, more?: Partial<TurnRequest>): Promise<TurnHandle>;
  say(message: string, more?: Partial<TurnRequest>): Promise<TurnOutcome>;
  /** The next event of this type, also when it has already happened. */
  next<T extends TurnEvent['type']>(type: T): Promise<Extract<TurnEvent, { type: T }>>;
}

interface FakeLedger {
  readonly events: LedgerEvent[];
  /** Events that cannot be written. */
  failing: (event: LedgerEvent) => boolean;
  append(event: LedgerEvent): Promise<{ writer: string; seq: number; hash: string }>;
  of(action: string): readonly LedgerEvent[];
}

function fakeLedger(): FakeLedger {
  const events: LedgerEvent[] = [];
  return {
    events,
    failing: () => false,
    async append(event) {
      if (this.failing(event)) throw new Error('disk full');
      events.push(event);
      return { writer: 'test', seq: events.length, hash: '' };
    },
    of: (action) => events.filter((event) => event.action === action),
  };
}

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };

function policyOf(options: HarnessOptions, workspace: string): AgentPolicy {
  return {
    agent: 'main',
    name: 'Main',
    playbook: 'test',
    authority: authorityOf({ id: 'playbook:test', rules: options.rules ?? RULES }),
    taintPolicy: DEFAULT_TAINT_POLICY,
    models: options.providers.map((provider) => `${provider.id}/m`),
    systemPrompt: 'Help.',
    workspace,
    workspaceAccess: 'rw',
    mounts: [],
    sandboxScope: 'agent',
    env: {},
    egress: true,
    limits: {
      memoryBytes: 256 * MB,
      processes: 64,
      fileBytes: 16 * MB,
      tmpBytes: 16 * MB,
      wallMs: 20_000,
      cpuSeconds: 10,
      outputBytes: 256 * 1024,
      openFiles: 256,
    },
    turn: {
      steps: 8,
      tokens: 100_000,
      wallMs: 30_000,
      contextTokens: 20_000,
      approvalMs: 60_000,
      ...options.turn,
    },
    ...options.policy,
  };
}

/** Real SQLite, real bubblewrap, real approvals; a fake model, ledger and egress. */
export async function harness(options: HarnessOptions): Promise<Harness> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'gh-agents-')));
  const workspace = join(root, 'workspace');
  const workDir = join(root, 'sandbox');
  for (const folder of [workspace, workDir]) mkdirSync(folder, { mode: 0o700 });
  const database: Database<SessionTables & ApprovalTables> = openDatabase(join(root, 'state.db'));
  await database.migrate(migrations, approvalMigrations);
  const ledger = fakeLedger();
  const sessions = createSessionService({ db: database.db as never, ...SYSTEM });
  const approvals = createApprovalService({ db: database.db as never, ledger, logger: SILENT, ...SYSTEM });
  const runs: RunSpec[] = [];
  const sockets = {
    opened: [] as EgressIdentity[],
    closed: [] as string[],
    secrets: [] as (readonly string[])[],
  };
  const sandbox = (options.sandbox ?? ((real) => real))(bubblewrap(workDir));
  const events: TurnEvent[] = [];
  const waiting = new Set<(event: TurnEvent) => void>();
  const sleeps: number[] = [];
  const policy = policyOf(options, workspace);

  const service = (providers: readonly ModelProvider[]): TurnService => {
    const made = createTurnService({
      sessions,
      policyOf: (agent) => (agent === 'main' ? policy : undefined),
      providers,
      sandbox: {
        ...sandbox,
        run: (spec, ...rest) => (runs.push(spec), sandbox.run(withoutSocket(spec), ...rest)),
      },
      egress: {
        openRun: async (identity, secrets = []) => {
          sockets.opened.push(identity);
          sockets.secrets.push(secrets);
          return { socketPath: join(root, 'none.sock'), env: {} };
        },
        closeRun: async (run) => {
          sockets.closed.push(run);
          return { reached: options.reached === true };
        },
      },
      approvals,
      budget: options.budget ?? UNLIMITED,
      ledger,
      logger: SILENT,
      insideScript: () => ['/bin/cat', '/workspace/page.json', '--'],
      rightsOf: options.rightsOf ?? (() => EVERYTHING),
      sleep: async (ms) => void sleeps.push(ms),
      ...SYSTEM,
    });
    made.subscribe((event) => {
      events.push(event);
      for (const listener of waiting) listener(event);
    });
    return made;
  };
  const turns = service(options.providers);

  const start: Harness['start'] = (message, more = {}) =>
    turns.start({
      space: 'operator',
      sessionKey: 'agent:main:main',
      message,
      idempotencyKey: randomUUID(),
      subject: { principal: 'p' },
      authority: EVERYTHING,
      trace: 't',
      ...more,
    });

  return {
    turns,
    sessions,
    approvals,
    ledger,
    workspace,
    runs,
    sockets,
    events,
    sleeps,
    start,
    restart: service,
    say: async (message, more) => (await start(message, more)).done,
    next(type) {
      const { promise, resolve } = Promise.withResolvers<never>();
      const listener = (event: TurnEvent) => {
        if (event.type === type) resolve(event as never);
      };
      waiting.add(listener);
      for (const event of events) listener(event);
      return promise;
    },
    async [Symbol.asyncDispose]() {
      await turns.drain(0);
      approvals[Symbol.dispose]();
      database.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** The socket's way into the run is the driver's to test; here nothing listens on it. */
function withoutSocket(spec: RunSpec): RunSpec {
  const { egressSocket: _socket, ...rest } = spec;
  return rest;
}

function bubblewrap(workDir: string): Sandbox {
  return createBubblewrapSandbox({
    workDir,
    forbidden: [workDir],
    insideDir: join(import.meta.dirname, '../../drivers/bubblewrap/inside'),
    userHome: '/root',
    cgroups: false,
  });
}
