import {
  type Amounts,
  type BudgetLimits,
  type BudgetSettings,
  MEASURES,
  type Measure,
  PERIODS,
  type Period,
  type Spender,
} from './types.ts';

/** Amounts are whole numbers in the store: money in millionths of the currency. */
const MILLION = 1_000_000;

/** One counter that an amount goes into. */
export interface Counter {
  readonly scope: string;
  readonly measure: Measure;
  readonly period: Period;
  readonly limit: number;
}

export const toStored = (measure: Measure, amount: number): number =>
  Math.ceil(measure === 'money' ? amount * MILLION : amount);
export const toShown = (measure: Measure, amount: number): number =>
  measure === 'money' ? amount / MILLION : amount;

/** The limits that apply, the narrowest group first: a sender's flood is refused at the sender's own. */
function scopesOf(settings: BudgetSettings, { subject, agentLimits = [] }: Spender) {
  const { principal, agent, channel, sender } = subject;
  const scopes: (readonly [string, BudgetLimits | undefined])[] = [];
  if (sender !== undefined) scopes.push([`sender:${channel ?? 'chat'}:${sender}`, settings.eachSender]);
  scopes.push([`principal:${principal}`, settings.principals?.[principal] ?? settings.eachPrincipal]);
  if (agent !== undefined) for (const limits of agentLimits) scopes.push([`agent:${agent}`, limits]);
  scopes.push(['install', settings.install]);
  return scopes;
}

function countersOf(scope: string, limits: BudgetLimits | undefined): readonly Counter[] {
  if (limits === undefined) return [];
  return MEASURES.flatMap((measure) =>
    PERIODS.flatMap((period) => {
      const limit = limits[measure]?.[period];
      return limit === undefined ? [] : [{ scope, measure, period, limit: toStored(measure, limit) }];
    }),
  );
}

/** Every counter of these amounts, the smaller limit where two agree on a counter. */
export function countersFor(
  settings: BudgetSettings,
  spender: Spender,
  amounts: Amounts,
): readonly Counter[] {
  const counters = new Map<string, Counter>();
  for (const [scope, limits] of scopesOf(settings, spender)) {
    for (const counter of countersOf(scope, limits)) {
      if (amounts[counter.measure] === undefined) continue;
      const key = `${scope} ${counter.measure} ${counter.period}`;
      const known = counters.get(key);
      if (known === undefined || counter.limit < known.limit) counters.set(key, counter);
    }
  }
  return [...counters.values()];
}

export function installCounters(settings: BudgetSettings): readonly Counter[] {
  return countersOf('install', settings.install);
}

export function limitsMoney(settings: BudgetSettings, spender: Spender): boolean {
  return countersFor(settings, spender, { money: 0 }).length > 0;
}
