import { join } from 'node:path';
import { LISTEN_CODES } from '../controls/listen/index.ts';
import { createEgressClient } from '../drivers/egress-client/index.ts';
import { createDispatcher } from '../operations/dispatcher.ts';
import { OPERATIONS } from '../operations/index.ts';
import type { Services } from '../operations/services.ts';
import type { LocalGateway } from '../surfaces/cli/io.ts';
import { PROCESS_CODES } from './codes.ts';
import { openCore } from './core.ts';
import { gatewayEnvironment } from './environment.ts';
import { openAlerting } from './gateway/alerting.ts';
import { openBackups } from './gateway/backups.ts';
import { NO_DRILLS } from './gateway/drills/none.ts';
import { openDrift, openEvidence } from './gateway/evidence.ts';
import { openRepairs } from './gateway/repairs/service.ts';
import { createRuntime } from './gateway/runtime.ts';
import { homePaths, prepareHome } from './home.ts';
import { openInstances } from './instance-list.ts';
import { fileLogger } from './logger.ts';
import type { Program } from './program.ts';
import { systemClock, systemRandom } from './system.ts';

/** Channels run in the gateway only. */
const NO_CHANNELS = { status: async () => [] };

const NO_CHAT = {
  notify: async () => {
    throw PROCESS_CODES.error('GATEWAY_NOT_READY', 'no gateway runs on this home');
  },
  outcome: async () => undefined,
};

const NO_METRICS = {
  scrape: async () => {
    throw PROCESS_CODES.error('GATEWAY_NOT_READY', 'no gateway runs on this home');
  },
};

/** Milliseconds for another command on this home to finish with the ledger. */
const LOCK_WAIT_MS = 5_000;

/** The operations on a home without a running gateway: same dispatcher, same records, principal `local`. */
export async function openLocal(program: Program): Promise<LocalGateway> {
  const env = gatewayEnvironment(process.env);
  const paths = homePaths(process.env);
  prepareHome(paths);
  const logger = fileLogger(paths.logs, 'cli');
  const egress = createEgressClient({
    controlSocket: join(paths.run, 'egress.sock'),
    providerSocket: join(paths.run, 'provider.sock'),
    clock: systemClock,
    logger,
  });
  const core = await openCore({
    program,
    paths,
    writer: 'cli',
    env,
    egress,
    logger,
    clock: systemClock,
    random: systemRandom,
    lockWaitMs: LOCK_WAIT_MS,
  });
  const backups = openBackups({ program, paths, core, egress, logger });
  const runtime = createRuntime({
    version: program.version,
    paths,
    core,
    egress,
    clock: systemClock,
    logger,
    logFile: join(paths.logs, 'gateway.log'),
    declared: () => [],
    failing: () => ['gateway'],
    certificates: () => [],
    backups,
    stop: async () => {
      throw PROCESS_CODES.error('GATEWAY_NOT_READY', 'no gateway runs on this home');
    },
  });
  const around = { program, paths, core, egress, runtime, clock: systemClock };
  const services: Services = {
    ...core,
    instances: openInstances(program.entry),
    clock: systemClock,
    logger,
    home: paths,
    egress,
    runtime,
    channels: NO_CHANNELS,
    alerting: openAlerting({ core, egress, chat: NO_CHAT, logger }),
    drills: NO_DRILLS,
    drift: openDrift(around),
    evidence: openEvidence(around),
    backups,
    repairs: openRepairs({ paths, core, logger, findings: () => runtime.findings() }),
    auditDeep: async () => {
      throw LISTEN_CODES.error('DEEP_NOT_RUNNING');
    },
    metrics: NO_METRICS,
  };
  return {
    dispatcher: createDispatcher({ operations: OPERATIONS, services }),
    caller: core.callers.callerOf(core.auth.localOperator(), 'cli', systemRandom.uuid()),
    async close() {
      await core.close();
      egress.close();
    },
  };
}
