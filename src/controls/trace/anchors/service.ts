import type { DatabaseSync } from 'node:sqlite';
import { type Alerts, asGatehouseError, type Clock } from '../../../kernel/index.ts';
import type { AnchorLine } from '../anchor.ts';
import { LEDGER_CODES } from '../codes.ts';
import { type CallInstance, type Keeper, keeperOf } from './keepers.ts';
import type { AnchorStatus, AnchorTarget } from './types.ts';

export interface AnchorParts {
  readonly raw: DatabaseSync;
  readonly targets: () => readonly AnchorTarget[];
  readonly clock: Pick<Clock, 'now'>;
  readonly alerts?: Pick<Alerts, 'raise'>;
  readonly call?: CallInstance;
}

export interface Anchors {
  /** Bring every place up to date; those on this machine alone when `local`. Never throws: the status says what failed. */
  extend(local?: boolean): Promise<readonly AnchorStatus[]>;
  status(): readonly AnchorStatus[];
  /** What each place keeps, for comparison. */
  read(): readonly {
    readonly name: string;
    readonly kind: AnchorTarget['kind'];
    readonly lines: AsyncIterable<AnchorLine>;
  }[];
}

interface Known {
  readonly lastId: number | null;
  readonly lastAt: number | null;
  readonly failure: AnchorStatus['failure'];
}

const UNKNOWN: Known = { lastId: null, lastAt: null, failure: null };

/** Keeps copies of the signed checkpoints where the configuration says. A copy that fails is tried again with the next. */
export function createAnchors({ raw, targets, clock, alerts, call }: AnchorParts): Anchors {
  const known = new Map<string, Known>();
  let running: Promise<unknown> = Promise.resolve();

  const statusOf = (target: AnchorTarget): AnchorStatus => ({
    name: target.name,
    kind: target.kind,
    target: target.kind === 'gatehouse' ? target.url : target.path,
    ...(known.get(target.name) ?? UNKNOWN),
  });

  async function extendOne(target: AnchorTarget): Promise<void> {
    const before = known.get(target.name) ?? UNKNOWN;
    try {
      const keeper: Keeper = keeperOf(target, call);
      known.set(target.name, { lastId: await keeper.extend(raw), lastAt: clock.now(), failure: null });
    } catch (thrown) {
      const cause = asGatehouseError(thrown);
      const error =
        cause.code === 'KERNEL_INTERNAL'
          ? LEDGER_CODES.error('LEDGER_ANCHOR_FAILED', undefined, { cause: thrown })
          : cause;
      const { code, message, fix } = error;
      known.set(target.name, { ...before, failure: { code, message, fix } });
      if (before.failure !== null) return;
      alerts?.raise({
        rule: 'ledger.anchor-failed',
        code: 'LEDGER_ANCHOR_FAILED',
        severity: 'high',
        title: `the anchor ${target.name} could not be extended: ${code}`,
        fix: 'Look at `gatehouse ledger anchor`; what it misses is added as soon as it can be reached.',
        key: target.name,
        data: { anchor: target.name, kind: target.kind, cause: code },
      });
    }
  }

  return {
    extend(local = false) {
      const wanted = (): readonly AnchorTarget[] =>
        targets().filter(({ kind }) => !local || kind !== 'gatehouse');
      // One at a time: two that extend one file would write a checkpoint twice.
      const next = running.then(() => Promise.all(wanted().map(extendOne)));
      running = next.catch(() => undefined);
      return next.then(() => targets().map(statusOf));
    },
    status: () => targets().map(statusOf),
    read: () =>
      targets().map((target) => ({
        name: target.name,
        kind: target.kind,
        lines: keeperOf(target, call).read(),
      })),
  };
}
