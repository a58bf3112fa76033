import { join } from 'node:path';
import { egressPolicyPath } from '../configuration/index.ts';
import type { RunningAlerting } from '../controls/alerting/index.ts';
import type { BackupService } from '../controls/backup/index.ts';
import { createEgressClient } from '../drivers/egress-client/index.ts';
import { asGatehouseError, GatehouseError } from '../kernel/index.ts';
import { createDispatcher } from '../operations/dispatcher.ts';
import { OPERATIONS } from '../operations/index.ts';
import type { MetricsService, Services } from '../operations/services.ts';
import { type Core, openCore } from './core.ts';
import { openAlerting } from './gateway/alerting.ts';
import { keepBackups, openBackups } from './gateway/backups.ts';
import { Channels } from './gateway/channels.ts';
import { chatApprovals } from './gateway/chat-approvals.ts';
import { tellProof, watchConditions } from './gateway/condition-watch.ts';
import { watchDrift } from './gateway/drift-watch.ts';
import { GatewayDrills } from './gateway/drills/service.ts';
import { openDrift, openEvidence } from './gateway/evidence.ts';
import { ExposureKeeper } from './gateway/exposure.ts';
import { firstToken } from './gateway/first-token.ts';
import { GatewayLife, type LifeParts } from './gateway/life.ts';
import { ListenerSet } from './gateway/listener-set.ts';
import { type ListenerWatch, watchListeners } from './gateway/listener-watch.ts';
import { configuredPort, wantedListeners } from './gateway/listening.ts';
import type { MetricParts } from './gateway/metrics/parts.ts';
import { refuseOutbound } from './gateway/no-outbound.ts';
import { followPolicyFile, reloadAndTell } from './gateway/policy-watch.ts';
import { openRepairs } from './gateway/repairs/service.ts';
import { keepRetention } from './gateway/retention.ts';
import { createRuntime, type GatewayRuntime } from './gateway/runtime.ts';
import { handleSignals } from './gateway/signals.ts';
import { createSurfaces, type Surfaces } from './gateway/surfaces.ts';
import { sweepTasks } from './gateway/task-sweep.ts';
import { openTracer } from './gateway/tracing.ts';
import { writeWelcome } from './gateway/welcome.ts';
import { homePaths, prepareHome } from './home.ts';
import { openInstances } from './instance-list.ts';
import { fileLogger } from './logger.ts';
import type { Program } from './program.ts';
import { systemClock, systemRandom } from './system.ts';

/** Milliseconds for egress to answer at start; it starts at the same time as this process. */
const EGRESS_READY_MS = 15_000;
/** Milliseconds for a gateway that is ending to let go of its chain of the ledger. */
const LOCK_WAIT_MS = 10_000;

/** The gateway process. Its environment was cleaned by the launcher; it holds no secret and dials nobody. */
export async function main(program: Program): Promise<void> {
  // Whoever read the output may be gone, as `gateway start` is after the welcome; a restart still has to come up.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    await run(program);
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    process.stderr.write(`${error.code}: ${error.message}\n`);
    const issues = error.details['issues'];
    if (Array.isArray(issues)) for (const issue of issues) process.stderr.write(`  ${describe(issue)}\n`);
    process.stderr.write(`fix: ${error.fix}\n`);
    if (!(thrown instanceof GatehouseError))
      process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    process.exit(1);
  }
}

function describe(issue: unknown): string {
  const { path, file, code, message, fix } = issue as Readonly<Record<string, unknown>>;
  // Nothing in a file that cannot be read has a path; the file itself has.
  const where = path === '' ? String(file ?? 'gatehouse.json') : String(path);
  return `${where}: ${String(message)} (${String(code)}). ${String(fix)}`;
}

async function run(program: Program): Promise<void> {
  const paths = homePaths(process.env);
  prepareHome(paths);
  const logger = fileLogger(paths.logs, 'gateway');
  refuseOutbound(logger);
  const egress = createEgressClient({
    controlSocket: join(paths.run, 'egress.sock'),
    providerSocket: join(paths.run, 'provider.sock'),
    failureFile: join(paths.run, 'egress.failure'),
    clock: systemClock,
    logger,
  });
  const core = await openCore({
    program,
    paths,
    writer: 'gateway',
    env: process.env,
    egress,
    logger,
    clock: systemClock,
    random: systemRandom,
    lockWaitMs: LOCK_WAIT_MS,
  });
  const parts = { program, paths, core, egress, logger };
  const life = new GatewayLife(parts);
  const backups = openBackups(parts);
  const runtime = runtimeOf(parts, life, backups);
  const approvals = () => chatApprovals(core, () => dispatcher);
  const channels = new Channels({ ...parts, approvals });
  life.onDrained(() => channels.close());
  const { repaired, drills, alerting, dispatcher } = await open(parts, life, runtime, channels, backups);
  followConfiguration(parts, channels);
  const watched = { ...core, logger };
  life.onStop(followPolicyFile(watched, egressPolicyPath(paths)));
  life.onStop(keepTotals(core));
  life.onStop(keepRetention(parts, repeatedly));
  life.onStop(repeatedly(ANCHOR_MS, () => void core.ledger.anchor().catch(() => undefined)));
  life.onStop(sweepTasks(core, logger, repeatedly));
  handleSignals({
    stop: (reason, restart) => life.stop(reason, restart),
    reload: (author) => reloadAndTell(watched, author),
    logger,
  });
  await egress.ready(EGRESS_READY_MS);
  await channels.start();
  await life.started(repaired);
  await life.watch(startWatching(core, runtime, logger));
  await watchAlerts(parts, life, runtime, alerting);
  life.onStop(() => drills.stop());
  await drills.start();
  life.onStop(await keepBackups(backups, parts, repeatedly));
  const token = await firstToken(core.auth);
  const config = core.config.current();
  const { port } = life;
  await writeWelcome({ program, runtime, config, port, token, repaired, out: process.stdout });
}

/** Milliseconds between two times that other instances are shown the newest checkpoints. */
const ANCHOR_MS = 3_600_000;

/** Milliseconds between two takings-over of what egress has recorded; questions do it themselves. */
const TOTALS_MS = 60_000;

/** Totals of traffic stay close to the ledger, so that a question about a month is answered at once (E7). */
function keepTotals({ traffic, activity }: Core): () => void {
  const timer = setInterval(() => {
    void traffic.catchUp().catch(() => undefined);
    void activity.catchUp().catch(() => undefined);
  }, TOTALS_MS).unref();
  return () => clearInterval(timer);
}

/** Alerts are told from now on: at once when this process raises one, soon when another does. */
async function watchAlerts(
  { core, egress, logger }: LifeParts,
  life: GatewayLife,
  runtime: GatewayRuntime,
  alerting: RunningAlerting,
): Promise<void> {
  const kick = () => void alerting.kick();
  life.onStop(core.alerts.subscribe(() => void setImmediate(kick)));
  core.config.onApplied(kick);
  // What could not leave while egress was down leaves as soon as it is back.
  life.onStop(egress.onState((state) => void (state === 'up' ? kick() : undefined)));
  runtime.proof.onReport((report) => tellProof({ alerts: core.alerts }, report));
  const conditions = watchConditions({
    alerts: core.alerts,
    clock: systemClock,
    logger,
    egress,
    certificates: () => life.certificates,
    extent: () => core.ledger.extent(),
    prove: () => runtime.proof.report(0),
    waiting: (limit) => core.approvals.list({ status: 'pending', limit }),
    patienceMs: () => (core.config.current().config.alerts?.approvalWaitingMinutes ?? 15) * 60_000,
    every: repeatedly,
  });
  life.onStop(() => conditions.stop());
  life.onDrained(() => alerting.stop());
  await alerting.start();
}

function runtimeOf(
  { program, paths, core, egress, logger }: LifeParts,
  life: GatewayLife,
  backups: BackupService,
): GatewayRuntime {
  return createRuntime({
    version: program.version,
    paths,
    core,
    egress,
    clock: systemClock,
    logger,
    logFile: logger.file,
    declared: () => life.declared,
    failing: () => life.failing(),
    certificates: () => life.certificates,
    backups,
    stop: (reason, restart) => life.stop(reason, restart),
  });
}

/** Repair what a crash left, then listen: nobody is let in to a state that is not sound yet. */
async function open(
  parts: LifeParts,
  life: GatewayLife,
  runtime: GatewayRuntime,
  channels: Channels,
  backups: BackupService,
) {
  const { paths, core, egress, logger } = parts;
  const drills = new GatewayDrills({
    program: parts.program,
    core,
    paths,
    dispatcher: () => dispatcher,
    targets: () => life.targets,
    lookAtListeners: () => life.lookAtListeners(),
    egress,
    logger,
  });
  const clock = systemClock;
  const repairs = openRepairs({ ...parts, findings: () => runtime.findings() });
  await repairs.recover();
  const drift = openDrift({ ...parts, runtime, clock });
  const evidence = openEvidence({ ...parts, runtime, clock });
  life.onStop(
    watchDrift({ drift, logger, every: repeatedly, ready: egress.ready.bind(egress, EGRESS_READY_MS) }),
  );
  const alerting = openAlerting({ core, egress, chat: channels, logger });
  const tracer = await openTracer({ core, egress, version: parts.program.version });
  life.onDrained(() => tracer.stop());
  const services: Services = {
    ...core,
    instances: openInstances(parts.program.entry),
    clock: systemClock,
    logger,
    home: paths,
    egress,
    runtime,
    channels,
    alerting,
    drills,
    drift,
    evidence,
    backups,
    repairs,
    auditDeep: async () =>
      (await import('./gateway/deep-audit.ts')).auditDeep({ ...parts, targets: life.targets }),
    metrics: lazyMetrics({
      core,
      runtime,
      egress,
      alerting,
      channels,
      certificates: () => life.certificates,
      proof: runtime.proof,
      spansDropped: () => tracer.dropped,
      clock,
    }),
  };
  const dispatcher = createDispatcher({ operations: OPERATIONS, services });
  const surfaces = await createSurfaces({
    core,
    dispatcher,
    runtime,
    clock: systemClock,
    random: systemRandom,
    logger,
    webhooks: channels.deliver,
    onParent: (trace, spanId) => tracer.parent(trace, spanId),
  });
  const repaired = await core.turns.repair();
  await core.approvals.expireDue();
  await core.egressQuestions.settleAll();
  const listeners = await openListeners(parts, surfaces, channels);
  life.opened(surfaces, listeners);
  const exposure = keepExposure(parts, listeners, channels);
  core.config.onApplied(() => void exposure.follow());
  core.grants.onChange(() => void exposure.follow());
  exposure.arm();
  life.onStop(() => exposure.stop());
  await announce(parts, listeners.ports);
  return { repaired, drills, alerting, dispatcher };
}

/** Nothing is loaded, counted or measured for metrics before somebody asks for them. */
function lazyMetrics(parts: MetricParts): MetricsService {
  let scrape: (() => Promise<string>) | undefined;
  return {
    async scrape() {
      scrape ??= (await import('./gateway/metrics/scrape.ts')).createScrape(parts);
      return scrape();
    },
  };
}

function wantedNow({ core, paths }: LifeParts, channels: Channels) {
  const config = core.config.current();
  const options = { home: paths.home, webhooks: channels.takesDeliveries };
  return wantedListeners(config, configuredPort(process.env, config), systemClock.now(), options);
}

async function openListeners(parts: LifeParts, surfaces: Surfaces, channels: Channels): Promise<ListenerSet> {
  const wanted = wantedNow(parts, channels);
  const listeners = new ListenerSet(surfaces, parts.paths.run);
  await listeners.openOperatorSocket();
  await listeners.apply(wanted);
  return listeners;
}

function keepExposure(parts: LifeParts, listeners: ListenerSet, channels: Channels): ExposureKeeper {
  const { core, logger } = parts;
  return new ExposureKeeper({
    listeners,
    wanted: () => wantedNow(parts, channels),
    announce: (ports) => void announce(parts, ports),
    clock: systemClock,
    alerts: core.alerts,
    logger,
  });
}

/** Egress refuses to be a way back to us, also when the system chose the port. */
async function announce({ egress, logger }: LifeParts, ports: readonly number[]): Promise<void> {
  await egress
    .announce(ports)
    .catch((cause: unknown) => logger.warn('egress was not told the ports', { cause: String(cause) }));
}

/** Run a task again and again without keeping the process alive; returns how to stop. */
function repeatedly(milliseconds: number, task: () => void): () => void {
  const timer = setInterval(task, milliseconds).unref();
  return () => clearInterval(timer);
}

function startWatching(core: Core, runtime: GatewayRuntime, logger: LifeParts['logger']): ListenerWatch {
  return watchListeners({
    measure: () => runtime.listenFindings(),
    ledger: core.ledger,
    alerts: core.alerts,
    logger,
    every: repeatedly,
  });
}

/** What follows a changed configuration without a restart. */
function followConfiguration({ core, egress, logger }: LifeParts, channels: Channels): void {
  logger.setLevel(core.config.current().config.logging.level);
  core.config.onApplied((next) => {
    logger.setLevel(next.config.logging.level);
    egress
      .reload()
      // After egress: a channel that starts before its secret and its rule are there would fail once for nothing.
      .then(() => channels.follow())
      .catch((cause: unknown) =>
        logger.error('egress did not take the new configuration', { cause: String(cause) }),
      );
  });
}
