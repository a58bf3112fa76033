import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectGrant } from '../controls/auth/types.ts';
import { createEgressClient, type EgressClient } from '../drivers/egress-client/index.ts';
import { asGatehouseError, GatehouseError } from '../kernel/index.ts';
import { spaceOf } from '../operations/callers.ts';
import { createDispatcher } from '../operations/dispatcher.ts';
import { OPERATIONS } from '../operations/index.ts';
import type { Services } from '../operations/services.ts';
import { createHttpSurface } from '../surfaces/http/index.ts';
import { createWsSurface } from '../surfaces/ws/index.ts';
import { type Core, openCore } from './core.ts';
import { firstToken } from './first-token.ts';
import { homePaths, prepareHome } from './home.ts';
import { configuredPort, type Listening, openListeners, requestRules, wantedListeners } from './listening.ts';
import { type FileLogger, fileLogger } from './logger.ts';
import { refuseOutbound } from './no-outbound.ts';
import { NODE_FLAGS } from './node-flags.ts';
import type { Program } from './program.ts';
import { createRuntime } from './runtime.ts';
import { handleSignals } from './signals.ts';
import { systemClock, systemRandom } from './system.ts';
import { writeWelcome } from './welcome.ts';

/** Milliseconds for egress to answer at start; it starts at the same time as this process. */
const EGRESS_READY_MS = 15_000;
/** Milliseconds for a gateway that is ending to let go of its chain of the ledger. */
const LOCK_WAIT_MS = 10_000;
/** Milliseconds that running turns get when the process is asked to end. */
const DRAIN_MS = 20_000;

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
  const { path, code, message, fix } = issue as Readonly<Record<string, unknown>>;
  return `${String(path)}: ${String(message)} (${String(code)}). ${String(fix)}`;
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
  const gateway = await compose(program, paths, core, egress, logger);
  await egress.ready(EGRESS_READY_MS);
  await gateway.announce();
}

async function compose(
  program: Program,
  paths: ReturnType<typeof homePaths>,
  core: Core,
  egress: EgressClient,
  logger: FileLogger,
) {
  let listening: Listening = { port: 0, declared: [] };
  let stopping = false;
  const failing = () => [
    ...(stopping ? ['draining'] : []),
    ...(egress.state === 'up' ? [] : ['egress']),
    ...(listening.declared.length === 0 ? ['listeners'] : []),
  ];
  const stop = async (reason: string, restart: boolean) => {
    if (stopping) return;
    stopping = true;
    void shutDown(reason, restart);
  };
  const sockets = ['egress.sock', 'provider.sock'].map((name) => ({
    address: join(paths.run, name),
    port: null,
    plane: 'egress',
  }));
  const runtime = createRuntime({
    version: program.version,
    paths,
    core,
    egress,
    clock: systemClock,
    logger,
    logFile: logger.file,
    declared: () => [...listening.declared, ...sockets],
    failing,
    stop,
  });
  const services: Services = { ...core, clock: systemClock, logger, home: paths, egress, runtime };
  const dispatcher = createDispatcher({ operations: OPERATIONS, services });
  const config = () => core.config.current();
  const http = await createHttpSurface({
    dispatcher,
    auth: core.auth,
    callerOf: core.callers.callerOf,
    runtime,
    logger,
    rules: () => requestRules(config()),
    openai: () => config().config.gateway.http?.endpoints?.chatCompletions?.enabled !== false,
  });
  const ws = createWsSurface({
    dispatcher,
    auth: core.auth,
    ledger: core.ledger,
    turns: core.turns,
    approvals: core.approvals,
    clock: systemClock,
    random: systemRandom,
    logger,
    callerOf: (grant: ConnectGrant, trace) => {
      const narrowed = { ...grant.principal, scopes: grant.scopes };
      // Fewer scopes on this connection take rights away; whose conversations these are stays the same.
      const whole = { ...grant.principal, scopes: grant.holds ?? grant.scopes };
      return { ...core.callers.callerOf(narrowed, 'ws', trace), space: spaceOf(whole) };
    },
    hello: () => ({
      version: program.version,
      uptimeMs: Math.max(0, systemClock.now() - runtime.startedAt),
      defaultAgent: config().defaultAgent,
    }),
  });
  const repaired = await core.turns.repair();
  await core.approvals.expireDue();
  const specs = wantedListeners(config(), configuredPort(process.env, config()), systemClock.now());
  listening = await openListeners({ http, ws }, specs, paths.run);
  // Egress refuses to be a way back to us, also when the system chose the port.
  await egress
    .announce([listening.port])
    .catch((cause: unknown) => logger.warn('egress was not told the port', { cause: String(cause) }));

  async function shutDown(reason: string, restart: boolean): Promise<void> {
    logger.info('stopping', { reason, restart });
    ws.close(reason, restart ? DRAIN_MS : undefined);
    await core.turns.drain(DRAIN_MS);
    await http.close();
    await core.ledger.append({
      type: 'process',
      action: restart ? 'gateway.restarting' : 'gateway.stopped',
      outcome: 'success',
      data: { reason },
    });
    await core.close();
    egress.close();
    if (restart && process.execve !== undefined) {
      process.execve(
        process.execPath,
        [process.execPath, ...NODE_FLAGS, program.entry, '__process', 'gateway'],
        process.env as Record<string, string>,
      );
    }
    process.exit(0);
  }

  handleSignals({ stop, reload: (author) => core.config.reload(author), logger });
  logger.setLevel(config().config.logging.level);
  core.config.onApplied((next) => {
    logger.setLevel(next.config.logging.level);
    egress
      .reload()
      .catch((cause: unknown) =>
        logger.error('egress did not take the new configuration', { cause: String(cause) }),
      );
  });

  return {
    async announce() {
      const { hash, snapshot } = config();
      await core.ledger.append({
        type: 'process',
        action: 'gateway.started',
        outcome: 'success',
        data: {
          version: program.version,
          config: hash,
          snapshot,
          interrupted: repaired.interrupted,
          resumed: repaired.resumed,
        },
      });
      writeFileSync(
        join(paths.run, 'gateway.json'),
        JSON.stringify({ pid: process.pid, port: listening.port }),
        { mode: 0o600 },
      );
      const token = await firstToken(core.auth);
      await writeWelcome({
        program,
        runtime,
        config: config(),
        port: listening.port,
        token,
        repaired,
        out: process.stdout,
      });
    },
  };
}
