import fc from 'fast-check';

/** Kept in every run, so that two runs try the same; a seed that once failed is added beside its test. */
const SEEDS = [1, 20_260_601, 424_242];
/** `GATEHOUSE_FUZZ=20` runs twenty times as many, from a seed that nobody has chosen, which a failure prints. */
const TIMES = Number(process.env['GATEHOUSE_FUZZ'] ?? 0);

export interface Fuzz<Ts> {
  /** Of each seed. */
  readonly numRuns: number;
  /** Counter-examples of the past: tried first, always. */
  readonly examples?: Ts[];
  /** Seeds of this property that once failed. */
  readonly seeds?: readonly number[];
}

/** Try a property with the committed seeds and examples, and with new ones when somebody asks for them. */
export async function fuzz<Ts>(
  property: fc.IRawProperty<Ts>,
  { numRuns, examples = [], seeds = [] }: Fuzz<Ts>,
): Promise<void> {
  const each = Math.ceil(numRuns / SEEDS.length);
  for (const seed of [...SEEDS, ...seeds]) await fc.assert(property, { seed, numRuns: each, examples });
  if (TIMES > 0) await fc.assert(property, { numRuns: numRuns * TIMES, examples });
}
