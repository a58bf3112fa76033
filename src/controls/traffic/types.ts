import type { Effect, LedgerEvent } from '../../kernel/index.ts';

/** One record of egress's own chain, as far as traffic is concerned. */
export interface TrafficRecord extends Pick<LedgerEvent, 'action' | 'code' | 'rule' | 'data' | 'type'> {
  readonly seq: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly outcome: string;
  readonly subject?: { readonly agent?: string };
}

/** Reads records of one writer in their order, beginning after a number. */
export type ReadRecords = (after: number, limit: number) => Promise<readonly TrafficRecord[]>;

export interface TrafficFilter {
  /** Unix milliseconds. */
  readonly since?: number;
  readonly until?: number;
  readonly agent?: string;
  readonly class?: string;
  readonly host?: string;
}

/** A destination over a period. */
export interface DestinationTotals {
  readonly host: string;
  readonly port: number;
  readonly class: string;
  readonly allowed: number;
  readonly refused: number;
  /** Bytes of connections that have ended. */
  readonly sent: number;
  readonly received: number;
  /** Unix milliseconds, to the hour. */
  readonly lastAt: number;
}

/** What one agent asked for, and what came of it: what `egress replay` plays again. */
export interface Asked {
  readonly agent: string;
  readonly host: string;
  readonly port: number;
  readonly allowed: number;
  readonly refused: number;
  readonly bytes: number;
}

export interface Refused {
  /** `2026-11`, in UTC. */
  readonly month: string;
  readonly agent: string;
  readonly host: string;
  readonly port: number;
  readonly code: string;
  readonly count: number;
}

export interface UsedRule {
  readonly rule: string;
  readonly agent: string;
  readonly count: number;
  readonly bytes: number;
  /** Unix milliseconds, to the hour. */
  readonly lastAt: number;
}

export interface TrafficService {
  /** Take over what was recorded since the last time; every question does it first. */
  catchUp(): Promise<void>;
  top(
    filter: TrafficFilter,
    order: 'bytes' | 'connections' | 'refused',
    limit: number,
  ): Promise<readonly DestinationTotals[]>;
  usedRules(filter: TrafficFilter): Promise<readonly UsedRule[]>;
  refused(filter: TrafficFilter, limit: number): Promise<readonly Refused[]>;
  asked(filter: TrafficFilter, limit: number): Promise<readonly Asked[]>;
  /** Hours (Unix milliseconds of their start) in which something fits, the newest first. */
  hours(filter: TrafficFilter & { readonly effect?: Effect }, limit: number): Promise<readonly number[]>;
  /** How often a grant let something through. */
  usesOf(grant: string): Promise<number>;
  /** Bytes that each agent's ended connections moved since then. */
  bytesByAgent(since: number): Promise<ReadonlyMap<string, number>>;
}
