/** One part of what an install is, as text by name, so that two of them compare line by line. */
export type FactSection = Readonly<Record<string, string>>;

/** Parts of an install that a baseline holds, in the order in which a report names them. */
export const FACT_SECTIONS = [
  'versions',
  'files',
  'configuration',
  'playbooks',
  'permissions',
  'egress',
  'listeners',
  'principals',
  'tokens',
  'grants',
  'models',
  'findings',
] as const;
export type FactSectionName = (typeof FACT_SECTIONS)[number];

/** What an install is at one moment: names, digests and decisions; never a value of a secret. */
export type InstallFacts = Readonly<Record<FactSectionName, FactSection>>;

/** One line that is not what it was. */
export interface Difference {
  readonly section: FactSectionName;
  readonly name: string;
  /** Null when it was not there. */
  readonly before: string | null;
  /** Null when it is gone. */
  readonly after: string | null;
}

/** Every line that differs, by section and name; empty when the install is what the baseline says. */
export function compareFacts(before: InstallFacts, after: InstallFacts): readonly Difference[] {
  return FACT_SECTIONS.flatMap((section) => {
    const old = before[section] ?? {};
    const now = after[section] ?? {};
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
    return names.flatMap((name): readonly Difference[] => {
      const [was, is] = [valueOf(old, name), valueOf(now, name)];
      return was === is ? [] : [{ section, name, before: was, after: is }];
    });
  });
}

function valueOf(section: FactSection, name: string): string | null {
  return Object.hasOwn(section, name) ? (section[name] ?? null) : null;
}

/** Sections in which a change gives or takes authority, or changes the program itself. */
const SERIOUS: readonly FactSectionName[] = ['files', 'permissions', 'egress', 'listeners', 'principals'];

export function isSerious({ section }: Pick<Difference, 'section'>): boolean {
  return SERIOUS.includes(section);
}
