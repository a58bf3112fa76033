import {
  DRILL_CODES,
  DrillEngine,
  type DrillOrder,
  type DrillReport,
  type DrillService,
  drillHistory,
  type Leftover,
  leftoverStore,
} from '../../../controls/drills/index.ts';
import {
  type DrillTarget,
  type Egress,
  type Logger,
  type Schedule,
  Scheduler,
} from '../../../kernel/index.ts';
import type { Dispatcher } from '../../../operations/define.ts';
import type { InstallRange } from '../../../operations/drill/catalogue.ts';
import type { HomePaths } from '../../../operations/services.ts';
import type { Core } from '../../core.ts';
import type { Program } from '../../program.ts';
import { afterwards, systemClock, systemRandom } from '../../system.ts';

export interface GatewayDrillParts {
  readonly program: Program;
  readonly core: Core;
  readonly paths: HomePaths;
  readonly dispatcher: () => Dispatcher;
  readonly targets: () => readonly DrillTarget[];
  readonly lookAtListeners: () => Promise<void>;
  readonly egress: Egress;
  readonly logger: Logger;
}

/** Drills of a running gateway. Nothing of them is loaded before the first one runs. */
export class GatewayDrills implements DrillService {
  readonly #parts: GatewayDrillParts;
  readonly #scheduler: Scheduler;
  #engine: Promise<DrillEngine<InstallRange>> | undefined;

  constructor(parts: GatewayDrillParts) {
    this.#parts = parts;
    this.#scheduler = new Scheduler({
      what: 'drills',
      schedule: () => this.#schedule(),
      last: async () => {
        const { runs } = await drillHistory(parts.core.ledger, { limit: 100, names: [] });
        return runs.find(({ scheduled }) => scheduled)?.startedAt;
      },
      run: () => this.#runScheduled(this.#schedule()?.run ?? []),
      clock: systemClock,
      logger: parts.logger,
      setTimer: afterwards,
    });
  }

  async run(order: DrillOrder): Promise<DrillReport> {
    return (await this.#ensure()).run(order);
  }

  scheduled(): readonly string[] {
    const schedule = this.#schedule();
    if (schedule === undefined) throw DRILL_CODES.error('DRILL_NOT_SCHEDULED');
    return schedule.run ?? [];
  }

  /** Remove what drills of an earlier process left, and begin to keep the schedule. */
  async start(): Promise<readonly Leftover[]> {
    const { core, logger } = this.#parts;
    const left = await leftoverStore(core.db as never).list();
    const removed = left.length === 0 ? [] : await (await this.#ensure()).cleanUp();
    this.#scheduler.start();
    core.config.onApplied(() => this.#scheduler.follow());
    if (removed.length > 0) logger.warn('removed what drills had left', { count: removed.length });
    return removed;
  }

  stop(): void {
    this.#scheduler.stop();
  }

  #schedule(): (Schedule & { readonly run?: readonly string[] }) | undefined {
    return this.#parts.core.config.current().config.drills?.schedule;
  }

  async #runScheduled(names: readonly string[]): Promise<void> {
    const { core } = this.#parts;
    const caller = core.callers.callerOf(core.auth.localOperator(), 'socket', systemRandom.uuid());
    await this.run({ names, caller, subject: { principal: 'gatehouse' }, scheduled: true });
  }

  #ensure(): Promise<DrillEngine<InstallRange>> {
    this.#engine ??= this.#create();
    return this.#engine;
  }

  async #create(): Promise<DrillEngine<InstallRange>> {
    const { dispatcher, targets, core, logger, egress, paths } = this.#parts;
    const [{ DRILLS }, { openSession }, { removersOf }] = await Promise.all([
      import('../../../operations/drill/catalogue.ts'),
      import('./session.ts'),
      import('./removers.ts'),
    ]);
    return new DrillEngine({
      drills: DRILLS,
      open: () => openSession({ ...this.#parts, dispatcher: dispatcher(), targets: targets() }),
      removers: removersOf(core, egress, paths),
      leftovers: leftoverStore(core.db as never),
      ledger: core.ledger,
      alerts: core.alerts,
      clock: systemClock,
      random: systemRandom,
      logger,
    });
  }
}
