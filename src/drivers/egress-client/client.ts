import { readFile } from 'node:fs/promises';
import {
  type Clock,
  type Egress,
  type EgressIdentity,
  type EgressStatus,
  type EgressVerdict,
  type ExportStatus,
  GatehouseError,
  type Logger,
  type OpenedRun,
  type RefusedDestination,
  type Rehearsal,
  type RunSecretsReport,
} from '../../kernel/index.ts';
import { EGRESS_CLIENT_CODES } from './codes.ts';
import { ControlConnection } from './connection.ts';
import type { ControlFailure, ControlMethod } from './protocol.ts';

export interface EgressClientOptions {
  readonly controlSocket: string;
  readonly providerSocket: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where egress leaves the reason when it refuses to start, so that the gateway can say it. */
  readonly failureFile?: string;
}

type EgressState = 'up' | 'down';

export interface EgressClient extends Egress {
  readonly state: EgressState;
  /** Told of every change, and of `down` again after each attempt to connect that failed. */
  onState(listener: (state: EgressState) => void): () => void;
  /**
   * Resolves once egress answers.
   *
   * @throws the reason that egress gave for not starting as soon as there is one, or EGRESS_UNAVAILABLE after
   * `timeoutMs`.
   */
  ready(timeoutMs: number): Promise<void>;
  /** Say which ports the gateway listens on, so that no run reaches them through egress. */
  announce(ports: readonly number[]): Promise<void>;
  /** Whether a value from outside is right; the secret stays in egress. `data` is at most 512 KiB. */
  verify(
    secret: string,
    how: 'hmac-sha256' | 'equal',
    data: Uint8Array,
    presented: readonly string[],
  ): Promise<boolean>;
  /** Send a mail to a destination of the configuration. @throws EGRESS_MAIL_FAILED */
  mail(
    destination: string,
    message: { readonly id: string; readonly subject: string; readonly text: string },
  ): Promise<void>;
  /** HMAC-SHA256 of the data in base64. */
  mac(secret: string, data: Uint8Array): Promise<string>;
  close(): void;
}

const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 2_000;

/**
 * The gateway's end of the control connection. While egress is down every call fails at once; it reconnects by
 * itself. Sockets of runs die with egress: a bind-mounted socket cannot be revived, so those runs have no way
 * out any more and only new runs get one.
 */
export function createEgressClient(options: EgressClientOptions): EgressClient {
  return new ReconnectingClient(options);
}

class ReconnectingClient implements EgressClient {
  readonly providerSocket: string;
  readonly #options: EgressClientOptions;
  readonly #listeners = new Set<(state: EgressState) => void>();
  readonly #openRuns = new Set<string>();
  #connection: ControlConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delay = FIRST_RETRY_MS;
  #ports: readonly number[] = [];
  #closed = false;

  constructor(options: EgressClientOptions) {
    this.#options = options;
    this.providerSocket = options.providerSocket;
    void this.#connect();
  }

  get state(): EgressState {
    return this.#connection === undefined ? 'down' : 'up';
  }

  onState(listener: (state: EgressState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  ready(timeoutMs: number): Promise<void> {
    if (this.state === 'up') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        stop();
        settle();
      };
      const fail = (failure: GatehouseError) => end(() => reject(failure));
      const timer = setTimeout(() => {
        void this.#startFailure().then((failure) => fail(failure ?? unavailable()));
      }, timeoutMs);
      const stop = this.onState((state) => {
        if (state === 'up') return end(resolve);
        // Egress that gave a reason has ended for it: waiting on would only delay telling it.
        void this.#startFailure().then((failure) => failure !== undefined && fail(failure));
      });
    });
  }

  async announce(ports: readonly number[]): Promise<void> {
    this.#ports = ports;
    // Down now: the next connection begins with them.
    if (this.state === 'up') await this.#call('hello', { pid: process.pid, ports });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  async openRun(
    identity: EgressIdentity,
    secrets: readonly string[] = [],
    bytes?: number,
  ): Promise<OpenedRun> {
    const allowance = bytes === undefined ? {} : { bytes };
    const opened = (await this.#call('openRun', { ...identity, secrets, ...allowance })) as OpenedRun;
    this.#openRuns.add(identity.run);
    return opened;
  }

  async rehearse(identity: EgressIdentity, rehearsal: Rehearsal): Promise<OpenedRun> {
    const opened = (await this.#call('rehearse', { ...identity, rehearsal })) as OpenedRun;
    this.#openRuns.add(identity.run);
    return opened;
  }

  async closeRun(run: string): ReturnType<Egress['closeRun']> {
    // A run that was lost with an earlier egress process has nothing left to close, and nobody knows what it did.
    if (!this.#openRuns.has(run)) return { reached: true };
    const closed = (await this.#call('closeRun', { run })) as {
      readonly reached?: boolean;
      readonly bytes?: number;
      readonly refused?: readonly RefusedDestination[];
    } | null;
    this.#openRuns.delete(run);
    const moved = closed?.bytes === undefined ? {} : { bytes: closed.bytes };
    return { reached: closed?.reached !== false, ...moved, refused: closed?.refused ?? [] };
  }

  async check(url: string, agent: string): Promise<EgressVerdict> {
    return (await this.#call('check', { url, agent })) as EgressVerdict;
  }

  async sign(checkpoint: Uint8Array): Promise<{ readonly keyId: string; readonly signature: string }> {
    const params = { checkpoint: Buffer.from(checkpoint).toString('base64') };
    return (await this.#call('sign', params)) as { keyId: string; signature: string };
  }

  async verify(
    secret: string,
    how: 'hmac-sha256' | 'equal',
    data: Uint8Array,
    presented: readonly string[],
  ): Promise<boolean> {
    const params = { secret, how, data: Buffer.from(data).toString('base64'), presented };
    const answer = (await this.#call('verify', params)) as { readonly valid?: boolean } | null;
    return answer?.valid === true;
  }

  async mac(secret: string, data: Uint8Array): Promise<string> {
    const params = { secret, data: Buffer.from(data).toString('base64') };
    return ((await this.#call('mac', params)) as { readonly mac: string }).mac;
  }

  async mail(
    destination: string,
    message: { readonly id: string; readonly subject: string; readonly text: string },
  ): Promise<void> {
    await this.#call('mail', { destination, ...message });
  }

  async status(): Promise<EgressStatus> {
    return (await this.#call('status', {})) as EgressStatus;
  }

  async runSecrets(): Promise<RunSecretsReport> {
    return (await this.#call('runSecrets', {})) as RunSecretsReport;
  }

  async exports(): Promise<readonly ExportStatus[]> {
    return (await this.#call('exports', {})) as readonly ExportStatus[];
  }

  async reloadHoneytokens(): Promise<void> {
    await this.#call('honeytokens', {});
  }

  async reload(): Promise<void> {
    await this.#call('reload', {});
  }

  async refreshGrants(): Promise<void> {
    await this.#call('grants', {});
  }

  #call(method: ControlMethod, params: unknown): Promise<unknown> {
    if (this.#connection === undefined) return Promise.reject(unavailable());
    return this.#connection.call(method, params);
  }

  async #connect(): Promise<void> {
    let current: ControlConnection | undefined;
    try {
      current = await ControlConnection.open(this.#options.controlSocket, () => this.#lost(current));
      await current.call('hello', { pid: process.pid, ports: this.#ports });
    } catch {
      current?.close();
      this.#tell('down');
      this.#retry();
      return;
    }
    if (this.#closed) return current.close();
    this.#connection = current;
    this.#delay = FIRST_RETRY_MS;
    this.#tell('up');
  }

  #lost(connection: ControlConnection | undefined): void {
    if (connection === undefined || this.#connection !== connection) return;
    this.#connection = undefined;
    if (this.#openRuns.size > 0) {
      this.#options.logger.warn('egress ended; open runs have no way out any more', {
        runs: this.#openRuns.size,
      });
      this.#openRuns.clear();
    }
    this.#tell('down');
    this.#retry();
  }

  #retry(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), this.#delay);
    this.#timer.unref();
    this.#delay = Math.min(this.#delay * 2, MAX_RETRY_MS);
  }

  #tell(state: EgressState): void {
    for (const listener of this.#listeners) listener(state);
  }

  async #startFailure(): Promise<GatehouseError | undefined> {
    if (this.#options.failureFile === undefined) return undefined;
    try {
      const failure = JSON.parse(await readFile(this.#options.failureFile, 'utf8')) as ControlFailure;
      return new GatehouseError(failure.code, failure.message, { fix: failure.fix, status: failure.status });
    } catch {
      return undefined;
    }
  }
}

function unavailable(): GatehouseError {
  return EGRESS_CLIENT_CODES.error('EGRESS_UNAVAILABLE');
}
