import { join } from 'node:path';
import type { Kysely } from 'kysely';
import {
  createSessionService,
  createTurnService,
  type SessionTables,
  migrations as sessionMigrations,
} from '../agents/index.ts';
import { createTaskWorkspaces, type TaskWorkspaces } from '../agents/task-workspaces/service.ts';
import type { ModelProvider, TurnService } from '../agents/types.ts';
import { type ChannelTables, migrations as channelMigrations } from '../channels/index.ts';
import {
  CONFIG_DEFAULTS,
  type ConfigTables,
  migrations as configMigrations,
  createConfigService,
} from '../configuration/index.ts';
import type { ConfigService } from '../configuration/types.ts';
import {
  type ActivityTables,
  migrations as activityMigrations,
  createActivity,
} from '../controls/activity/index.ts';
import type { ActivityService } from '../controls/activity/types.ts';
import { type AlertingTables, migrations as alertingMigrations } from '../controls/alerting/index.ts';
import {
  type AuthTables,
  migrations as authMigrations,
  createAuthService,
  issuerOf,
  mintToken,
  principalLayer,
  type RunningAuth,
} from '../controls/auth/index.ts';
import { type BackupTables, migrations as backupMigrations } from '../controls/backup/index.ts';
import {
  type BudgetService,
  type BudgetTables,
  migrations as budgetMigrations,
  createBudget,
} from '../controls/budget/index.ts';
import { type DrillTables, migrations as drillMigrations } from '../controls/drills/index.ts';
import {
  type ApprovalTables,
  migrations as approvalMigrations,
  createApprovalService,
  type RunningApprovals,
} from '../controls/execution/index.ts';
import {
  createGrantService,
  type GrantService,
  type GrantTables,
  migrations as grantMigrations,
} from '../controls/grants/index.ts';
import { type RepairTables, migrations as repairMigrations } from '../controls/repairs/index.ts';
import {
  createHoneytokens,
  HoneytokenTripwire,
  readPlanted,
  withoutCredentials,
} from '../controls/secrets/index.ts';
import type { HoneytokenService } from '../controls/secrets/types.ts';
import {
  createSenderService,
  type RunningSenders,
  type SenderTables,
  migrations as senderMigrations,
} from '../controls/senders/index.ts';
import {
  type AlertService,
  type CheckpointPace,
  createAlerts,
  createDenials,
  createKeptCheckpoints,
  createLedger,
  type Denials,
  type EvidenceTables,
  evidenceMigrations,
  type KeptCheckpoints,
} from '../controls/trace/index.ts';
import type { LedgerService } from '../controls/trace/types.ts';
import {
  createTrafficService,
  type TrafficService,
  type TrafficTables,
  migrations as trafficMigrations,
} from '../controls/traffic/index.ts';
import { providerFetch } from '../drivers/egress-client/index.ts';
import { type Database, openDatabase } from '../drivers/sqlite/index.ts';
import type { Alert, Clock, Egress, ImageBuilder, Logger, Random, SandboxSet } from '../kernel/index.ts';
import { type Callers, createCallers } from '../operations/callers.ts';
import type { EgressQuestions, HomePaths } from '../operations/services.ts';
import { createEgressQuestions } from './egress-asks.ts';
import { countedSandbox, type RunCounts } from './gateway/metrics/runs.ts';
import { honeytokenFile } from './home.ts';
import { INSIDE_SCRIPT } from './inside.ts';
import { instanceCaller } from './instances.ts';
import { createMaskerClient } from './masking/client.ts';
import { maskedSandbox, reportKept } from './masking/sandbox.ts';
import { UntouchedFiles } from './masking/untouched.ts';
import { bringNothingBack } from './nothing-back.ts';
import type { Program } from './program.ts';
import { createProviders } from './providers.ts';
import { readPublicKeys } from './public-keys.ts';
import { afterRestore } from './restore/restored.ts';
import { rightsAfterRestart } from './rights-after-restart.ts';
import { openImages, openSandboxes } from './sandboxes.ts';
import { senderRules } from './senders.ts';
import { afterwards } from './system.ts';
import { prepareWorkspaces } from './workspaces.ts';

type Tables = EvidenceTables &
  AlertingTables &
  ActivityTables &
  AuthTables &
  BackupTables &
  RepairTables &
  BudgetTables &
  ApprovalTables &
  GrantTables &
  TrafficTables &
  SenderTables &
  ChannelTables &
  SessionTables &
  ConfigTables &
  DrillTables;

/** Every folder that stores something, in the order in which its tables are made. */
export const MIGRATIONS = [
  configMigrations,
  budgetMigrations,
  backupMigrations,
  repairMigrations,
  authMigrations,
  sessionMigrations,
  approvalMigrations,
  senderMigrations,
  channelMigrations,
  drillMigrations,
  evidenceMigrations,
  grantMigrations,
  trafficMigrations,
  alertingMigrations,
  activityMigrations,
];

export interface CoreOptions {
  readonly program: Program;
  readonly paths: HomePaths;
  /** Name of this process's chain in the ledger. */
  readonly writer: 'gateway' | 'cli';
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly egress: Egress;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds to wait for another process that still writes under this name. */
  readonly lockWaitMs: number;
}

/** What the gateway and an offline command line have in common: state, controls and agents on one home. */
export interface Core {
  readonly ledger: LedgerService;
  readonly alerts: AlertService;
  readonly kept: KeptCheckpoints;
  readonly budget: BudgetService;
  readonly denials: Denials;
  readonly config: ConfigService;
  readonly auth: RunningAuth;
  readonly approvals: RunningApprovals;
  readonly egressQuestions: EgressQuestions;
  readonly senders: RunningSenders;
  readonly grants: GrantService;
  readonly traffic: TrafficService;
  readonly activity: ActivityService;
  readonly honeytokens: HoneytokenService;
  readonly tripwire: HoneytokenTripwire;
  readonly sessions: ReturnType<typeof createSessionService>;
  readonly tasks: TaskWorkspaces;
  readonly turns: TurnService;
  readonly providers: readonly ModelProvider[];
  readonly sandbox: SandboxSet;
  readonly runs: RunCounts;
  readonly images: ImageBuilder;
  readonly callers: Callers;
  readonly db: Kysely<Tables>;
  close(): Promise<void>;
}

/** Open the home's state and compose the controls over it. */
export async function openCore(options: CoreOptions): Promise<Core> {
  const { paths, clock, random, logger, egress } = options;
  const store = await openStore(options);
  const { db, ledger, config } = store;
  const alerts = createAlerts({ ledger, clock, logger });
  store.tellOf(alerts);
  const denials = createDenials({
    ledger,
    clock,
    alerts,
    setTimer: afterwards,
    onLost: (cause) => logger.error('counted refusals could not be recorded', { cause: String(cause) }),
  });
  const grants = await openGrants(options, store, alerts);
  const { tripwire, honeytokens } = openHoneytokens(options, alerts, ledger);
  prepareWorkspaces(paths, config.current());
  config.onApplied((next) => prepareWorkspaces(paths, next));
  const { maxAttempts, windowMs, lockoutMs } = config.current().config.gateway.auth.rateLimit;
  const limits = { failures: maxAttempts, windowMs, lockoutMs };
  const oidc = {
    issuers: () => (config.current().config.gateway.auth.oidc ?? []).map(issuerOf),
    fetch: providerFetch(egress.providerSocket),
  };
  const auth = createAuthService({ db, clock, random, ledger, logger, limits, oidc, alerts, tripwire });
  const asked = () => config.current().config.approvals ?? {};
  const approvals = createApprovalService({
    db,
    clock,
    random,
    ledger,
    logger,
    people: () => asked().people ?? 1,
    separateApprover: () => asked().separateApprover === true,
    personOf: (principal) => personOf(auth, principal),
  });
  const untouched = new UntouchedFiles();
  const sessions = createSessionService({
    db,
    clock,
    random,
    untouched: (path, stat) => untouched.has(path, stat),
  });
  const masker = createMaskerClient({ program: options.program, state: paths.state, logger });
  const { sandbox, runs } = countedSandbox(
    maskedSandbox(openSandboxes(options), { masker, alerts, ledger, logger, untouched }),
  );
  await reportKept({ alerts, ledger, logger }, await masker.recover());
  const budget = createBudget({
    db,
    clock,
    random,
    ledger,
    alerts,
    logger,
    settings: () => config.current().config.budget ?? {},
  });
  if (options.writer === 'gateway') await budget.start();
  const callers = createCallers({ principalLayer, ceiling: () => config.current().ceiling });
  const providers = createProviders(config, egress.providerSocket);
  const egressQuestions = createEgressQuestions({ egress, config, approvals, grants, alerts, clock, logger });
  const tasks = createTaskWorkspaces({
    clock,
    ledger,
    policies: () => config.current().agents.values(),
    busy: async (id) => ['running', 'waiting'].includes((await sessions.findById(id))?.status ?? ''),
  });
  const turns = createTurnService({
    sessions,
    tasks,
    policyOf: (agent) => config.current().agents.get(agent),
    providers,
    sandbox,
    egress: egressQuestions,
    approvals,
    budget,
    ledger,
    clock,
    random,
    logger,
    insideScript: INSIDE_SCRIPT,
    tripwire,
    rightsOf: await rightsAfterRestart(auth, callers),
  });
  const senders = createSenderService({
    db,
    clock,
    random,
    ledger,
    logger,
    alerts,
    rules: senderRules(config),
    setTimer: afterwards,
  });
  // A grant that ends and a rule that is taken away reach what is under way (D7).
  grants.onChange(() => turns.reconsider());
  config.onApplied(() => turns.reconsider());
  // Who is no longer let in ends at once, also when only the configuration has changed (S1, A4).
  senders.onBlocked((principal) => {
    turns
      .abortPrincipal(principal)
      .catch((cause: unknown) => logger.error('turns of a blocked sender go on', { cause: String(cause) }));
  });
  config.onApplied(() => {
    senders
      .reconsider()
      .catch((cause: unknown) => logger.error('senders were not looked at again', { cause: String(cause) }));
  });
  // Only what this credential started ends: a rotation must not cost those who have switched anything (A3).
  auth.onRevoked((credential) => {
    const ended = credential.startsWith('principal:')
      ? turns.abortPrincipal(credential)
      : turns.abortCredential(credential);
    ended.catch((cause: unknown) =>
      logger.error('turns of a revoked credential go on', { cause: String(cause) }),
    );
  });
  await afterRestore({ auth, grants, standings: approvals.standings, senders, ledger, logger }, paths);
  await bringNothingBack(auth, ledger, alerts);
  return {
    ledger,
    alerts,
    kept: createKeptCheckpoints({ db, ledger, alerts, clock }),
    budget,
    denials,
    config,
    auth,
    approvals,
    egressQuestions,
    senders,
    grants,
    activity: createActivity({
      db,
      count: (after, limit) => ledger.tally(after, limit),
      now: () => clock.now(),
    }),
    traffic: createTrafficService({
      db,
      read: (after, limit) => ledger.readWriter('egress', after, limit),
      now: () => clock.now(),
    }),
    honeytokens,
    tripwire,
    sessions,
    tasks,
    turns,
    providers,
    sandbox,
    runs,
    images: openImages(options),
    callers,
    db,
    async close() {
      await sandbox.close?.();
      masker.stop();
      grants.close();
      await closeAll({ ledger, denials, auth, approvals, senders }, store.files);
    },
  };
}

/** Somebody who writes on a channel and answers as a principal is one person, whichever of the two asked (attack 75). */
async function personOf(auth: RunningAuth, principal: string): Promise<string> {
  const [kind, channel, account, ...sender] = principal.split(':');
  if (kind !== 'sender') return principal;
  return (await auth.chatOwner(`${channel}/${account}/${sender.join(':')}`)) ?? principal;
}

/** What is planted to be found, and who knows it when it passes (K4). */
function openHoneytokens(
  { paths, clock, random, egress, logger }: CoreOptions,
  alerts: AlertService,
  ledger: LedgerService,
) {
  const file = honeytokenFile(paths);
  const tripwire = new HoneytokenTripwire(alerts);
  tripwire.load(readPlanted(file));
  const honeytokens = createHoneytokens({
    file,
    tripwire,
    clock,
    random,
    ledger,
    mint: () => mintToken(random).text,
    // Egress reads the file when it starts; one that is down has nothing to be told.
    onChanged: () =>
      egress.reloadHoneytokens().catch((cause: unknown) => {
        logger.warn('egress was not told of a planted credential', { cause: String(cause) });
      }),
  });
  return { tripwire, honeytokens };
}

/** Databases, ledger and configuration: what everything else stands on. */
async function openStore(options: CoreOptions) {
  const { paths, clock, env } = options;
  const state = openDatabase<Tables>(join(paths.state, 'state.db'));
  const ledgerFile = openDatabase<unknown>(join(paths.state, 'ledger.db'));
  await state.migrate(...MIGRATIONS);
  const { db } = state;
  let loaded: ConfigService | undefined;
  const pace = () => {
    const { checkpointRecords, checkpointSeconds } = (loaded?.current().config ?? CONFIG_DEFAULTS).ledger;
    return { records: checkpointRecords, delayMs: checkpointSeconds * 1_000 };
  };
  const anchors = {
    targets: () => loaded?.current().anchors ?? [],
    call: instanceCaller(options.egress.providerSocket),
    alerts: { raise: (alert: Alert) => told?.raise(alert) },
  };
  let told: AlertService | undefined;
  const ledger = openLedger(options, ledgerFile, pace, anchors);
  // A command line can still show, validate and roll back when the file is broken; a gateway does not start on it.
  const fallback = options.writer === 'cli';
  const config = await createConfigService({ paths, env, db, ledger, clock, fallback });
  loaded = config;
  const tellOf = (alerts: AlertService): void => {
    told = alerts;
  };
  return { db, ledger, config, tellOf, files: [state, ledgerFile] };
}

/** Grants that were made by commands widen what runs from the first moment on, and egress is told to look (D7). */
async function openGrants(
  { clock, random, egress, logger }: CoreOptions,
  { db, ledger, config }: Awaited<ReturnType<typeof openStore>>,
  alerts: AlertService,
): Promise<GrantService> {
  const grants = createGrantService({
    db,
    clock,
    random,
    ledger,
    alerts,
    policy: () => config.current().grantPolicy,
    judge: async () => (await import('./grant-judge.ts')).judgeGrantValue,
    setTimer: afterwards,
  });
  grants.onChange((current) => {
    config.setGrants(current);
    egress
      .refreshGrants()
      .catch((cause: unknown) => logger.info('egress looks at the grants later', { cause: String(cause) }));
  });
  // A policy that allows less takes away what was granted before.
  config.onApplied(() => void grants.start().catch(() => undefined));
  await grants.start();
  return grants;
}

/** Our own names of principals read like a credential (`token: ...`) and are none: without them nobody could be told apart. */
const TOKEN_PRINCIPAL = /^token:[a-z2-7]{16}$/;

function openLedger(
  options: CoreOptions,
  file: Database<unknown>,
  pace: () => CheckpointPace,
  anchors: NonNullable<Parameters<typeof createLedger>[0]['anchors']>,
): LedgerService {
  const { paths, writer, clock, egress, logger, lockWaitMs } = options;
  return createLedger({
    raw: file.raw,
    writer,
    clock,
    redact: (text) => (TOKEN_PRINCIPAL.test(text) ? text : withoutCredentials(text)),
    publicKeys: () => readPublicKeys(paths.keys),
    anchorFile: join(paths.state, 'ledger.anchor'),
    anchors,
    logger,
    pace,
    lockWaitMs,
    ...(writer === 'gateway' ? { sign: (bytes: Uint8Array) => egress.sign(bytes) } : {}),
  });
}

async function closeAll(
  parts: Pick<Core, 'ledger' | 'denials' | 'auth' | 'approvals' | 'senders'>,
  files: readonly { close(): void }[],
): Promise<void> {
  parts.approvals[Symbol.dispose]();
  await parts.auth.close();
  parts.senders.close();
  await parts.denials.close();
  await parts.ledger.close();
  for (const file of files) file.close();
}
