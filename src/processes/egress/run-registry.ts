import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  EGRESS_CODES,
  type EgressPolicy,
  type Gate,
  type Interception,
  RunProxy,
  rehearse,
} from '../../controls/egress/index.ts';
import { mentionsPlaceholder, type OfferedValue, type WantedSecret } from '../../controls/secrets/index.ts';
import type { Egress, EgressIdentity, OpenedRun, Rehearsal } from '../../kernel/index.ts';

interface OpenRun {
  readonly identity: EgressIdentity;
  readonly proxy: RunProxy;
  readonly socketPath: string;
  readonly listening: Promise<void>;
  readonly extras: Omit<OpenedRun, 'socketPath'>;
  readonly workspace: WorkspaceValues | undefined;
  /** How often it was opened under the same identity. */
  users: number;
}

/** Credentials of a run's workspace that somebody bound to hosts (K5). */
export interface WorkspaceValues {
  readonly wanted: readonly WantedSecret[];
  /** Hold these in place of those before; none lets all go. */
  hold(values: readonly OfferedValue[]): void;
}

/** What a run gets beside its socket, and what its proxy needs to look into its tunnels. */
export interface PreparedRun {
  readonly interception?: Interception;
  readonly extras: Omit<OpenedRun, 'socketPath'>;
  readonly workspace?: WorkspaceValues;
}

export type PrepareRun = (identity: EgressIdentity, secrets: readonly string[]) => Promise<PreparedRun>;

/** The open runs, each with a proxy on a socket of its own. */
export class RunRegistry {
  readonly #folder: string;
  readonly #gate: Gate;
  readonly #policyOf: (agent: string) => EgressPolicy | undefined;
  readonly #prepare: PrepareRun;
  readonly #runs = new Map<string, OpenRun>();

  constructor(
    folder: string,
    gate: Gate,
    policyOf: (agent: string) => EgressPolicy | undefined,
    prepare: PrepareRun,
  ) {
    this.#prepare = prepare;
    this.#folder = folder;
    this.#gate = gate;
    this.#policyOf = policyOf;
  }

  get size(): number {
    return this.#runs.size;
  }

  /**
   * Make a run's socket. Opening the same identity again gives the same socket, which then lives until it was
   * closed as often; another identity under the same id is refused (E5).
   *
   * @throws EGRESS_RUN_EXISTS, EGRESS_LIMIT_RUNS, EGRESS_REQUEST_MALFORMED
   */
  async open(
    identity: EgressIdentity,
    secrets: readonly string[] = [],
    { rehearsal, bytes }: { readonly rehearsal?: Rehearsal; readonly bytes?: number } = {},
  ): Promise<OpenedRun> {
    const drill = rehearsal === undefined ? undefined : rehearse(this.#gate, rehearsal);
    const prepared = drill === undefined ? await this.#prepare(identity, secrets) : { extras: { env: {} } };
    const known = this.#runs.get(identity.run);
    if (known !== undefined) {
      if (!isDeepStrictEqual(known.identity, identity)) throw EGRESS_CODES.error('EGRESS_RUN_EXISTS');
      known.users += 1;
      await known.listening;
      return { socketPath: known.socketPath, ...known.extras };
    }
    if (this.#runs.size >= this.#gate.limits.openRuns) throw EGRESS_CODES.error('EGRESS_LIMIT_RUNS');
    const socketPath = join(this.#folder, `${socketName(identity.run)}.sock`);
    const proxy = new RunProxy({
      gate: drill?.gate ?? this.#gate,
      identity,
      policyOf: () => drill?.policy ?? this.#policyOf(identity.agent),
      mentions: mentionsPlaceholder,
      ...(bytes === undefined ? {} : { bytes }),
      ...(prepared.interception === undefined ? {} : { interception: prepared.interception }),
    });
    const { extras, workspace }: PreparedRun = prepared;
    const listening = proxy.listen(socketPath);
    this.#runs.set(identity.run, { identity, proxy, socketPath, listening, extras, workspace, users: 1 });
    try {
      await listening;
    } catch (thrown) {
      this.#runs.delete(identity.run);
      throw thrown;
    }
    return { socketPath, ...extras };
  }

  /** What an open run may get of its workspace; undefined for a run that is not open, or wants nothing. */
  workspaceOf(run: string): WorkspaceValues | undefined {
    const workspace = this.#runs.get(run)?.workspace;
    return workspace === undefined || workspace.wanted.length === 0 ? undefined : workspace;
  }

  /**
   * End a run's connections and remove its socket, and say whether it reached anything. A run that is not open is
   * none of ours any more, and what it did is not known.
   */
  async close(run: string): ReturnType<Egress['closeRun']> {
    const known = this.#runs.get(run);
    if (known === undefined) return { reached: true };
    known.users -= 1;
    if (known.users === 0) {
      this.#runs.delete(run);
      await known.proxy.close();
      known.workspace?.hold([]);
    }
    return { reached: known.proxy.reached, bytes: known.proxy.bytes, refused: known.proxy.refused };
  }

  async closeAll(): Promise<void> {
    const all = [...this.#runs.values()];
    this.#runs.clear();
    await Promise.all(
      all.map(async ({ proxy, workspace }) => {
        await proxy.close();
        workspace?.hold([]);
      }),
    );
  }
}

/** Run ids are chosen by callers; a digest is short enough for sun_path and holds no path. */
function socketName(run: string): string {
  return createHash('sha256').update(run).digest('hex').slice(0, 24);
}
