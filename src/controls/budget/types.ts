import type { Subject } from '../../kernel/index.ts';

export const MEASURES = ['requests', 'tokens', 'money', 'runs', 'bytes'] as const;
export type Measure = (typeof MEASURES)[number];

export const PERIODS = ['minute', 'hour', 'day', 'month'] as const;
export type Period = (typeof PERIODS)[number];

/** Amounts per period; money in whole currency units, as people write it. */
export type BudgetLimits = {
  readonly [M in Measure]?: { readonly [P in Period]?: number | undefined } | undefined;
};

export interface BudgetSettings {
  readonly install?: BudgetLimits;
  readonly eachPrincipal?: BudgetLimits;
  readonly eachSender?: BudgetLimits;
  readonly principals?: Readonly<Record<string, BudgetLimits>>;
  readonly prices?: Readonly<Record<string, { readonly input: number; readonly output: number }>>;
}

/** Money is in whole currency units. */
export type Amounts = { readonly [M in Measure]?: number };

/** Something that was set aside before it is used. It is settled exactly once. */
export interface Reservation {
  /** What was really used, also when that is more than was set aside. */
  settle(used: Amounts): Promise<void>;
}

export interface BudgetLine {
  /** `install`, `agent:main`, `principal:token:ci` or `sender:telegram:42`. */
  readonly scope: string;
  readonly measure: Measure;
  readonly period: Period;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  /** Unix milliseconds: when the period ends and counting begins anew. */
  readonly resetsAt: number;
}

/** Who uses something, and the limits of the agent that does it for them. */
export interface Spender {
  readonly subject: Subject;
  readonly trace?: string;
  readonly agentLimits?: readonly BudgetLimits[];
}

/** The port through which everything is used that a budget limits (B1). */
export interface Budget {
  /**
   * Set amounts aside in every limit that applies, or in none.
   *
   * @throws BUDGET_EXCEEDED, BUDGET_UNAVAILABLE
   */
  reserve(spender: Spender, amounts: Amounts): Promise<Reservation>;
  /**
   * Count what is used in one step, for what cannot be cut off once it began.
   *
   * @throws BUDGET_EXCEEDED, BUDGET_UNAVAILABLE
   */
  spend(spender: Spender, amounts: Amounts): Promise<void>;
  /**
   * Set bytes aside for one run: what is left, and at most a quarter of a limit, so that several runs can go on side by
   * side. `bytes` is undefined, and nothing is read or written, where bytes are not limited.
   *
   * @throws BUDGET_EXCEEDED, BUDGET_UNAVAILABLE
   */
  reserveBytes(
    spender: Spender,
  ): Promise<{ readonly bytes: number | undefined; settle(used: number | undefined): Promise<void> }>;
  /**
   * As `reserve`, for tokens of a model and what they cost.
   *
   * @throws BUDGET_PRICE_UNKNOWN when a limit on money applies and nobody said what the model costs
   */
  reserveTokens(
    spender: Spender,
    model: string,
    tokens: { readonly input: number; readonly output: number },
  ): Promise<{ settle(used: { readonly input: number; readonly output: number }): Promise<void> }>;
}

export interface BudgetService extends Budget {
  /** Everything that is limited and has been used in this period, and the limits of the install. */
  show(): Promise<readonly BudgetLine[]>;
  /** Models of the list without a price although money is limited. */
  unpriced(models: readonly string[]): readonly string[];
}
