import { statSync } from 'node:fs';
import { checkModels } from '../../agents/checks.ts';
import { checkLogins, checkTokens } from '../../controls/auth/index.ts';
import { type BackupService, checkBackups } from '../../controls/backup/index.ts';
import {
  checkCertificates,
  checkListeners,
  checkReach,
  type DeclaredListener,
  isDeclared,
  type ListenerCertificate,
} from '../../controls/listen/index.ts';
import { checkHome } from '../../controls/repairs/index.ts';
import { childrenOf } from '../../drivers/os/children.ts';
import { createReachProbe } from '../../drivers/os/reach.ts';
import { measureSockets } from '../../drivers/os/sockets.ts';
import type { Clock, Egress, Finding, Logger } from '../../kernel/index.ts';
import type { HomePaths, MeasuredListener, RuntimeService } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import { instanceFindings } from '../instance-list.ts';
import { probesInUse } from '../sandboxes.ts';
import {
  configurationFindings,
  egressFindings,
  executionFindings,
  grantFindings,
  ledgerFindings,
  sandboxFindings,
  senderFindings,
} from './findings.ts';
import { LedgerProof, PROOF_AGE_MS } from './ledger-proof.ts';
import { tailLog } from './log-tail.ts';
import { measurePosture } from './posture.ts';
import { homeFacts } from './repairs/service.ts';

export interface RuntimeOptions {
  readonly version: string;
  readonly paths: HomePaths;
  readonly core: Core;
  readonly egress: Egress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logFile: string;
  /** What this process is meant to listen on; empty for a command line. */
  readonly declared: () => readonly (DeclaredListener & { readonly plane: string })[];
  readonly failing: () => readonly string[];
  readonly certificates: () => readonly ListenerCertificate[];
  readonly backups: Pick<BackupService, 'facts'>;
  readonly stop: (reason: string, restart: boolean) => Promise<void>;
}

/** A runtime whose listeners can be looked at by themselves, every minute. */
export interface GatewayRuntime extends RuntimeService {
  listenFindings(): Promise<readonly Finding[]>;
  /** Proofs of the ledger, which everybody shares. */
  readonly proof: LedgerProof;
}

/** What the process measures of itself: the kernel's socket tables are believed, the configuration is not (L2). */
export function createRuntime(options: RuntimeOptions): GatewayRuntime {
  const { paths, core, egress, clock } = options;
  const startedAt = clock.now();

  const pids = async () => {
    const found = new Map([[process.pid, 'gateway']]);
    const [status, children] = await Promise.all([
      egress.status().catch(() => undefined),
      childrenOf(process.pid),
    ]);
    for (const { pid, name } of children) found.set(pid, `child ${name}`);
    if (status !== undefined) found.set(status.pid, 'egress');
    return found;
  };

  const measure = async () => {
    const named = await pids();
    const sockets = await measureSockets([...named.keys()]);
    return { named, sockets };
  };

  const listeners = async (): Promise<readonly MeasuredListener[]> => {
    const { named, sockets } = await measure();
    const declared = options.declared();
    return sockets.listeners.map((socket) => {
      const process = named.get(socket.pid) ?? 'unknown';
      const match = declared.find((item) => isDeclared({ ...socket, process }, [item]));
      const { pid, family, address, port } = socket;
      return {
        pid,
        process,
        family,
        address,
        port,
        plane: match?.plane ?? 'undeclared',
        declared: match !== undefined,
      };
    });
  };

  const listenFindings = async (): Promise<readonly Finding[]> => {
    const { named, sockets } = await measure();
    const home = statSync(paths.home);
    const processOf = (pid: number) => named.get(pid) ?? 'unknown';
    return checkListeners({
      measured: sockets.listeners.map((socket) => ({ ...socket, process: processOf(socket.pid) })),
      declared: options.declared(),
      outbound: sockets.outbound
        .filter(({ pid }) => processOf(pid) === 'gateway')
        .map(({ pid, address, port }) => ({ process: processOf(pid), address, port })),
      home: { path: paths.home, mode: home.mode & 0o777, uid: home.uid },
      uid: process.getuid?.() ?? home.uid,
    });
  };

  const proof = new LedgerProof(core.ledger, clock);
  const reach = createReachProbe(clock);

  const findings = async (): Promise<readonly Finding[]> => {
    // Programs are asked: they answer while the rest is looked at.
    const around = reach();
    return [
      ...(await listenFindings()),
      ...(await loginFindings(core, clock.now())),
      ...(await senderFindings(core, clock.now())),
      ...checkTokens(await core.auth.listTokens(), clock.now()),
      ...checkModels(core.config.current().agents.values()),
      ...configurationFindings(core.config.current()),
      ...(await executionFindings(core, clock.now())),
      ...(await egressFindings(core.config.current(), clock.now())),
      ...(await grantFindings(core, clock.now())),
      ...checkBackups(await options.backups.facts()),
      ...instanceFindings(),
      ...ledgerFindings(await proof.report(0)),
      ...(await probesInUse(core)).flatMap(sandboxFindings),
      ...checkHome(await homeFacts({ paths, core })),
      ...checkCertificates(options.certificates(), clock.now()),
      ...checkReach(await around),
    ];
  };

  return {
    version: options.version,
    pid: process.pid,
    startedAt,
    listeners,
    posture: async () =>
      measurePosture({
        core,
        egress,
        listeners: await listeners(),
        findings: await listenFindings(),
        ledger: await proof.report(PROOF_AGE_MS),
      }),
    findings,
    listenFindings,
    proof,
    ready() {
      const failing = options.failing();
      return { ready: failing.length === 0, failing };
    },
    tailLog: (cursor, limit, maxBytes) => tailLog(options.logFile, cursor, limit, maxBytes),
    stop: options.stop,
  };
}

async function loginFindings({ auth, config }: Core, now: number): Promise<readonly Finding[]> {
  const { gateway } = config.current().config;
  const { oidc, trustedProxy } = gateway.auth;
  const trustedProxies = gateway.trustedProxies ?? [];
  return checkLogins(
    { oidc, trustedProxy, trustedProxies },
    { sessions: await auth.browser.list(), exposed: await auth.exposedTokens(), now },
  );
}
