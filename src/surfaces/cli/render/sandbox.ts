import { shownLine } from '../terminal.ts';
import { asTyped, type View } from '../view.ts';
import { pairs, table } from './table.ts';

export interface BackendRow {
  readonly backend: string;
  readonly agents: readonly string[];
  readonly available: boolean | null;
  readonly version: string;
  readonly image: string | null;
  readonly missing: readonly { readonly name: string; readonly how: string }[];
  readonly fix: string | null;
}

const SHORT_IMAGE = 19;

function state({ available, missing }: BackendRow): string {
  if (available === null) return 'not tried';
  if (!available) return 'does not work: refused';
  return missing.length === 0
    ? 'every limit holds'
    : `NOT held: ${missing.map(({ name }) => name).join(', ')}`;
}

export function backendLines(backends: readonly BackendRow[], view: View): readonly string[] {
  const lines = table(
    backends,
    [
      { title: 'BACKEND', value: (row) => row.backend },
      { title: 'VERSION', value: (row) => row.version },
      { title: 'AGENTS', value: (row) => row.agents.join(', ') },
      { title: 'IMAGE', value: (row) => row.image?.slice(0, SHORT_IMAGE) },
      { title: 'MEASURED', value: state },
    ],
    view,
    'No backends.',
  );
  const notes = backends.flatMap(({ backend, missing, fix }) => [
    ...missing.map(({ name, how }) => shownLine(`${backend} ${name}: ${how}`)),
    ...(fix === null ? [] : [shownLine(`${backend}: ${fix}`)]),
  ]);
  return notes.length === 0 ? lines : [...lines, '', ...notes];
}

export interface SetupResult {
  readonly backend: string;
  readonly name: string;
  readonly steps: readonly string[];
  readonly applied: boolean;
  readonly image: string | null;
  readonly next: string;
}

export function setupLines(
  { backend, name, steps, applied, image, next }: SetupResult,
  view: View,
): readonly string[] {
  return [
    ...pairs(
      [
        ['backend', backend],
        ['image', name],
        ['digest', image ?? 'not built'],
      ],
      view,
    ),
    ...steps.map((step, index) => shownLine(`${applied ? 'done' : 'would'} ${index + 1}. ${step}`)),
    asTyped(next, view),
  ];
}
