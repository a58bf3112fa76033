import { networkInterfaces } from 'node:os';
import {
  EGRESS_CODES,
  Gate,
  MailPace,
  ProviderProxy,
  type Resolver,
  sendMail,
} from '../../controls/egress/index.ts';
import {
  HoneytokenTripwire,
  RunSecretStore,
  readPlanted,
  SecretStore,
} from '../../controls/secrets/index.ts';
import { createAlerts, type LedgerReader } from '../../controls/trace/index.ts';
import type { Clock, Ledger, Logger } from '../../kernel/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import { ControlServer } from './control-server.ts';
import { EgressGrants, type GrantSource } from './grants.ts';
import { controlHandlers } from './handlers.ts';
import type { EgressInputs } from './inputs.ts';
import { Interceptor, openPlaceholderKey } from './interception.ts';
import { compilePolicies, type EgressPolicies, withEgressGrants } from './policies.ts';
import { runPreparation } from './prepare-run.ts';
import { RunRegistry } from './run-registry.ts';
import { openSigningKey, type SigningKey } from './signing-key.ts';
import { egressSockets, prepareSockets } from './sockets.ts';
import { Telemetry } from './telemetry.ts';
import { ValuesServer } from './values-server.ts';
import { Watchdog } from './watchdog.ts';

/** Milliseconds that running provider calls get when egress is asked to end. */
const DRAIN_MS = 5_000;
const DAY_MS = 86_400_000;

export interface EgressLedger extends Ledger {
  close(): Promise<void>;
}

export interface EgressEnvironment {
  readonly paths: Pick<HomePaths, 'run' | 'keys'>;
  readonly version: string;
  /** The operator's variables, which secrets are resolved from. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** 0 when unknown. */
  readonly gatewayPid: number;
  readonly clock: Clock;
  /** The log of this process, behind its redactor. */
  openLogger(redact: (text: string) => string): Logger;
  readonly resolver: Resolver;
  /** Read the effective configuration anew. */
  load(): Promise<EgressInputs>;
  /** This process's own chain of the ledger; checkpoints are signed with the key that lives here. */
  openLedger(key: SigningKey, redact: (text: string) => string): Promise<EgressLedger>;
  /** Where grants are read, given egress's own ledger; absent means that there are none. */
  openGrants?(): GrantSource & { close(): void };
  /** Bytes that each agent has moved since that time (Unix milliseconds), as earlier processes left it. */
  usedSince?(time: number): ReadonlyMap<string, number>;
  /** Calls back when the egress policy on disk has changed; returns how to stop. */
  watchPolicy?(onChange: () => void): () => void;
  /** Further certificate authorities in PEM. */
  readonly ca?: string;
  /** Where delivery of the ledger keeps how far it is, and how it reads; absent means that nothing is delivered. */
  readonly telemetry?: { readonly folder: string; openReader(): LedgerReader };
  /** Where it is written down what was planted to be found (K4). */
  readonly honeytokens?: string;
}

export interface RunningEgress {
  /** Resolves after everything is closed. */
  readonly ended: Promise<void>;
  /** Drain and end. */
  stop(): Promise<void>;
}

/**
 * Start egress: everything that can refuse does so before the first socket exists, and the control socket,
 * which says that egress is ready, comes last.
 *
 * @throws SECRETS_* when a reference cannot be resolved, EGRESS_RULE_INVALID, EGRESS_ALREADY_RUNNING
 */
export async function runEgress(environment: EgressEnvironment): Promise<RunningEgress> {
  const { paths, clock, resolver, variables } = environment;
  // Every socket and file of this process is for its own account only.
  process.umask(0o077);
  const sockets = egressSockets(paths.run);
  const secrets = new SecretStore();
  const redact = (text: string): string => secrets.redact(text);
  const logger = environment.openLogger(redact);
  const inputs = await environment.load();
  const runSecrets = new RunSecretStore(openPlaceholderKey(paths.keys));
  const loadSecrets = async (from: EgressInputs): Promise<void> => {
    const prepared = await runSecrets.prepare(from.runSecrets, { env: variables });
    await secrets.load(from.secrets, { env: variables }, prepared.values);
    prepared.commit();
  };
  let filed = compilePolicies(inputs);
  let policies = filed;
  let announcedPorts: readonly number[] = [];
  await loadSecrets(inputs);
  await prepareSockets(sockets);
  const key = openSigningKey(paths.keys);
  const ledger = await environment.openLedger(key, redact);

  const alerts = createAlerts({
    ledger: { append: (event) => ledger.append(event), query: noRecords },
    clock,
    logger,
  });
  // Runs get their names from the gateway; only drills get this one.
  alerts.label(({ subject }) => (subject?.run?.startsWith('drill-') === true ? subject.run : undefined));
  const source = environment.openGrants?.();
  const grants =
    source === undefined
      ? undefined
      : new EgressGrants({
          source,
          ledger,
          alerts,
          clock,
          logger,
          policy: () => filed.grantPolicy,
          onChange: () => {
            policies = withEgressGrants(filed, grants?.current() ?? []);
            gate.reconsider();
          },
        });
  const tripwire = new HoneytokenTripwire(alerts);
  const loadHoneytokens = (): void => {
    if (environment.honeytokens !== undefined) tripwire.load(readPlanted(environment.honeytokens));
  };
  loadHoneytokens();
  const gate: Gate = new Gate({
    ledger,
    alerts,
    onGranted: (grant, subject) => grants?.used(grant, subject),
    tripwire,
    clock,
    resolver,
    limits: () => policies.limits,
    isSelf: (address, port) =>
      (policies.ownPorts.includes(port) || announcedPorts.includes(port)) && isOwnAddress(address),
  });
  const ca = environment.ca === undefined ? {} : { ca: environment.ca };
  const policyOf = (agent: string) => policies.agents.get(agent);
  const interceptor = new Interceptor({
    keys: paths.keys,
    run: paths.run,
    clock,
    onNew: ({ fingerprint, expires }) =>
      void record(ledger, 'egress.authority', 'success', { fingerprint, expires }).catch(() => undefined),
  });
  const prepareRun = runPreparation({ clock, secrets, runSecrets, interceptor, policyOf, ...ca });
  // A day's bytes are not given back by a restart (E9).
  const today = Math.floor(clock.now() / DAY_MS) * DAY_MS;
  for (const [agent, bytes] of environment.usedSince?.(today) ?? [])
    gate.usage.seed(agent, bytes, clock.now());
  const telemetry =
    environment.telemetry === undefined
      ? undefined
      : new Telemetry({
          ...environment.telemetry,
          gate,
          policy: () => policies.telemetry,
          secrets,
          ledger,
          alerts,
          clock,
          version: environment.version,
        });
  const runs = new RunRegistry(sockets.runs, gate, policyOf, prepareRun);
  const values = new ValuesServer(runs);
  const providers = new ProviderProxy({ gate, policyOf: () => policies.providers, secrets, ...ca });

  let applying: Promise<unknown> = Promise.resolve();
  const apply = (onlyChanged: boolean): Promise<EgressPolicies | undefined> => {
    // One at a time, so that what was read last is also what is applied last.
    const next = applying.then(() => applyNow(onlyChanged));
    applying = next.catch(() => undefined);
    return next;
  };
  const applyNow = async (onlyChanged: boolean): Promise<EgressPolicies | undefined> => {
    const next = await environment.load();
    // The gateway saw the same change and told it first.
    if (onlyChanged && next.hash === policies.hash) return undefined;
    const compiled = compilePolicies(next);
    await loadSecrets(next);
    filed = compiled;
    policies = withEgressGrants(filed, grants?.current() ?? []);
    await grants?.refresh();
    gate.reconsider();
    providers.reload();
    await telemetry?.follow(next.exports);
    return compiled;
  };

  let stopping: Promise<void> | undefined;
  let markEnded: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    markEnded = resolve;
  });
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      watchdog.stop();
      unwatch?.();
      grants?.stop();
      await Promise.all([
        control.close(),
        values.close(),
        runs.closeAll(),
        providers.close(DRAIN_MS),
        telemetry?.close(),
      ]);
      await record(ledger, 'egress.stopped', 'success', {});
      source?.close();
      await ledger.close();
      markEnded();
    })();
    return stopping;
  };
  const watchdog = new Watchdog({
    gatewayPid: environment.gatewayPid,
    onOrphaned: () => {
      logger.warn('the gateway is gone; egress ends');
      void stop();
    },
  });
  const pace = new MailPace();
  const handlers = controlHandlers({
    version: environment.version,
    key,
    gate,
    runs,
    secrets,
    runSecrets,
    interceptor,
    loadHoneytokens,
    exports: () => telemetry?.status() ?? [],
    policies: () => policies,
    onHello: ({ pid, ports }) => {
      watchdog.gateway(pid);
      if (ports.length > 0) announcedPorts = ports;
    },
    refreshGrants: async () => grants?.refresh(),
    sendMail: async (destination, mail) => {
      pace.take(destination.name, clock.monotonic());
      await sendMail({ gate, policyOf: () => policies.providers, secrets, ...ca }, destination, mail);
    },
    reload: () => reload(ledger, logger, () => apply(false)),
  });
  // Egress looks by itself: a rule that an operator takes away ends here whatever the gateway does.
  const unwatch = environment.watchPolicy?.(
    () => void reload(ledger, logger, () => apply(true)).catch(() => undefined),
  );
  const control = new ControlServer(handlers, (count) => watchdog.connections(count));
  await record(ledger, 'egress.started', 'started', {
    version: environment.version,
    policyHash: policies.hash,
  });
  await grants?.refresh();
  await telemetry?.follow(inputs.exports);
  await providers.listen(sockets.provider);
  await values.listen(sockets.values);
  await control.listen(sockets.control);
  logger.info('egress is ready', { agents: policies.agents.size, secrets: secrets.list().length });
  return { ended, stop };
}

/** A bad configuration changes nothing and says so (E2). */
async function reload(
  ledger: Ledger,
  logger: Logger,
  apply: () => Promise<EgressPolicies | undefined>,
): Promise<void> {
  try {
    const applied = await apply();
    if (applied === undefined) return;
    await record(ledger, 'egress.reloaded', 'success', { policyHash: applied.hash });
  } catch (thrown) {
    logger.error('the new policy was not applied; the old one stays', {
      code: thrown instanceof Error && 'code' in thrown ? thrown.code : 'KERNEL_INTERNAL',
    });
    await record(ledger, 'egress.reloaded', 'failure', {}).catch(() => undefined);
    throw thrown;
  }
}

async function record(
  ledger: Ledger,
  action: string,
  outcome: 'started' | 'success' | 'failure',
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  try {
    await ledger.append({ type: 'process', action, outcome, data: { pid: process.pid, ...data } });
  } catch (cause) {
    throw EGRESS_CODES.error('EGRESS_RECORD_FAILED', undefined, { cause });
  }
}

/** Egress tells of alerts and lists none; the gateway reads them from the ledger. */
const noRecords = (): Promise<readonly never[]> => Promise.resolve([]);

function isOwnAddress(address: string): boolean {
  if (/^127\.|^0\.|^::1?$/.test(address)) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((entry) => entry.address === address));
}
