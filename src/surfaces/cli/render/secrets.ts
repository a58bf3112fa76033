import { formatInstant } from '../time.ts';
import type { View } from '../view.ts';
import { table } from './table.ts';

const when = (at: number | null) => (at === null || at === 0 ? null : formatInstant(at));

export interface SecretsListed {
  readonly secrets: readonly {
    readonly name: string;
    readonly source: string;
    readonly hosts: readonly string[];
    readonly places: readonly string[];
    readonly agents: readonly string[];
    readonly rules: readonly string[];
    readonly lastUsedAt: number | null;
    readonly lastUsedBy: string | null;
  }[];
  readonly authority: { readonly fingerprint: string; readonly expires: number } | null;
}

export function secretLines({ secrets, authority }: SecretsListed, view: View): readonly string[] {
  const lines = table(
    secrets,
    [
      { title: 'NAME', value: (row) => row.name },
      { title: 'FROM', value: (row) => row.source },
      { title: 'HOSTS', value: (row) => row.hosts.join(', ') },
      { title: 'IN', value: (row) => row.places.join(' | ') },
      { title: 'AGENTS', value: (row) => row.agents.join(', ') },
      { title: 'RULES', value: (row) => row.rules.join(', ') },
      { title: 'LAST USE', value: (row) => when(row.lastUsedAt) },
      { title: 'BY', value: (row) => row.lastUsedBy },
    ],
    view,
    'Runs have no secrets (secrets.values in gatehouse.json).',
  );
  if (authority === null) return lines;
  const { fingerprint, expires } = authority;
  return [
    ...lines,
    '',
    `Runs trust the authority ${fingerprint.slice(0, 16)} until ${formatInstant(expires)}.`,
  ];
}

export interface SecretsChecked {
  readonly secrets: readonly {
    readonly name: string;
    readonly usable: boolean;
    readonly problems: readonly string[];
  }[];
}

export function secretCheckLines({ secrets }: SecretsChecked, { paint }: View): readonly string[] {
  if (secrets.length === 0) return ['Runs have no secrets (secrets.values in gatehouse.json).'];
  return secrets.flatMap(({ name, usable, problems }) => [
    `${usable ? paint('good', 'ok  ') : paint('bad', 'FAIL')}  ${name}`,
    ...problems.map((problem) => `      ${problem}`),
  ]);
}

export interface SecretExplained {
  readonly allowed: boolean;
  readonly steps: readonly { readonly step: string; readonly holds: boolean; readonly why: string }[];
}

export function secretExplainLines({ allowed, steps }: SecretExplained, { paint }: View): readonly string[] {
  return [
    allowed ? paint('good', 'allowed') : paint('bad', 'refused'),
    ...steps.map(({ step, holds, why }) => `  ${holds ? 'yes' : 'no '}  ${step}: ${why}`),
  ];
}

export type HoneytokensShown = readonly {
  readonly id: string;
  readonly kind: string;
  readonly agent: string;
  readonly path: string;
  readonly at: number;
  readonly by: string;
  readonly note: string;
  readonly state?: string;
  readonly lastUsedAt?: number | null;
  readonly lastUsedIn?: string | null;
}[];

export function honeytokenLines(tokens: HoneytokensShown, view: View): readonly string[] {
  const checked = tokens.some(({ state }) => state !== undefined);
  return table(
    tokens,
    [
      { title: 'ID', value: (row) => row.id },
      { title: 'KIND', value: (row) => row.kind },
      { title: 'AGENT', value: (row) => row.agent },
      { title: 'PATH', value: (row) => row.path },
      { title: 'PLANTED', value: (row) => when(row.at) },
      ...(checked
        ? [
            { title: 'STATE', value: (row: HoneytokensShown[number]) => row.state },
            { title: 'LAST SEEN', value: (row: HoneytokensShown[number]) => when(row.lastUsedAt ?? null) },
            { title: 'IN', value: (row: HoneytokensShown[number]) => row.lastUsedIn },
          ]
        : []),
      { title: 'NOTE', value: (row) => row.note },
    ],
    view,
    'Nothing is planted (gatehouse honeytoken plant aws).',
  );
}
