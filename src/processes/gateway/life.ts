import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListenerCertificate } from '../../controls/listen/index.ts';
import type { EgressClient } from '../../drivers/egress-client/index.ts';
import type { DrillTarget } from '../../kernel/index.ts';
import type { HomePaths } from '../../operations/services.ts';
import type { Core } from '../core.ts';
import { egressSockets } from '../egress/sockets.ts';
import type { FileLogger } from '../logger.ts';
import { NODE_FLAGS } from '../node-flags.ts';
import type { Program } from '../program.ts';
import type { Declared, ListenerSet } from './listener-set.ts';
import type { ListenerWatch } from './listener-watch.ts';
import type { Surfaces } from './surfaces.ts';

/** Milliseconds that running turns get when the process is asked to end. */
const DRAIN_MS = 20_000;

export interface LifeParts {
  readonly program: Program;
  readonly paths: HomePaths;
  readonly core: Core;
  readonly egress: EgressClient;
  readonly logger: FileLogger;
}

/** What the gateway process is up to: starting, ready, or draining towards its end. */
export class GatewayLife {
  readonly #parts: LifeParts;
  #listeners: ListenerSet | undefined;
  readonly #stops: (() => void)[] = [];
  readonly #drained: (() => Promise<void>)[] = [];
  #surfaces: Surfaces | undefined;
  #stopping = false;
  #watch: ListenerWatch | undefined;

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  /** The port for users; 0 when only Unix sockets are open. */
  get port(): number {
    return this.#listeners?.port ?? 0;
  }

  /** Called when the turns have ended and before anything is closed. */
  onDrained(end: () => Promise<void>): void {
    this.#drained.push(end);
  }

  /** Called when the process begins to end. */
  onStop(stop: () => void): void {
    this.#stops.push(stop);
  }

  /** Everything that this process and egress are meant to listen on. */
  get declared(): readonly Declared[] {
    const { control, provider, values, runs } = egressSockets(this.#parts.paths.run);
    const sockets = [control, provider, values].map((address) => ({ address, port: null, plane: 'egress' }));
    const ofRuns = { address: runs, port: null, plane: 'egress', folderOf: 'egress' };
    return [...(this.#listeners?.declared ?? []), ...sockets, ofRuns];
  }

  /** Names of what keeps the gateway from being ready; empty when it is. */
  failing(): readonly string[] {
    return [
      ...(this.#stopping ? ['draining'] : []),
      ...(this.#parts.egress.state === 'up' ? [] : ['egress']),
      ...(this.#listeners === undefined ? ['listeners'] : []),
    ];
  }

  opened(surfaces: Surfaces, listeners: ListenerSet): void {
    this.#surfaces = surfaces;
    this.#listeners = listeners;
  }

  /** Take the first look at the listeners now, and go on looking until the end. */
  async watch(watch: ListenerWatch): Promise<void> {
    this.#watch = watch;
    await watch.check();
  }

  /** Measure the listeners now instead of within the minute. */
  async lookAtListeners(): Promise<void> {
    await this.#watch?.check();
  }

  get certificates(): readonly ListenerCertificate[] {
    return this.#listeners?.certificates ?? [];
  }

  get targets(): readonly DrillTarget[] {
    return this.#listeners?.targets ?? [];
  }

  /** Write down that the gateway is up, and where, for people and for other processes on this home. */
  async started(repaired: { readonly interrupted: readonly string[]; readonly resumed: readonly string[] }) {
    const { core, paths, program } = this.#parts;
    const { hash, snapshot } = core.config.current();
    const { interrupted, resumed } = repaired;
    await core.ledger.append({
      type: 'process',
      action: 'gateway.started',
      outcome: 'success',
      data: { version: program.version, config: hash, snapshot, interrupted, resumed },
    });
    const facts = { pid: process.pid, port: this.port };
    writeFileSync(join(paths.run, 'gateway.json'), JSON.stringify(facts), { mode: 0o600 });
  }

  /** Begin to drain; the process ends, or becomes a new gateway, when that is done. */
  async stop(reason: string, restart: boolean): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    void this.#shutDown(reason, restart);
  }

  async #shutDown(reason: string, restart: boolean): Promise<void> {
    const { core, egress, logger, program } = this.#parts;
    logger.info('stopping', { reason, restart });
    this.#watch?.stop();
    for (const stop of this.#stops) stop();
    this.#surfaces?.ws.close(reason, restart ? DRAIN_MS : undefined);
    await core.turns.drain(DRAIN_MS);
    for (const end of this.#drained) await end();
    await this.#surfaces?.http.close();
    const action = restart ? 'gateway.restarting' : 'gateway.stopped';
    await core.ledger.append({ type: 'process', action, outcome: 'success', data: { reason } });
    await core.close();
    egress.close();
    if (restart && process.execve !== undefined) {
      const argv = [process.execPath, ...NODE_FLAGS, program.entry, '__process', 'gateway'];
      process.execve(process.execPath, argv, process.env as Record<string, string>);
    }
    process.exit(0);
  }
}
