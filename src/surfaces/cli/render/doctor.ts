import type { DoneStep, RepairRecord, RepairStep } from '../../../controls/repairs/types.ts';
import type { Finding } from '../../../kernel/index.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { findingLines } from './reports.ts';
import { table } from './table.ts';

export interface Fixed {
  readonly planned: readonly DoneStep[];
  readonly repair: RepairRecord | null;
  readonly findings: readonly Finding[];
}

const octal = (mode: number) => `0${mode.toString(8).padStart(3, '0')}`;

function what(step: RepairStep): string {
  switch (step.kind) {
    case 'mode':
      return `mode ${octal(step.from)} becomes ${octal(step.to)}: ${step.path}`;
    case 'folder':
      return `make the folder ${step.path}`;
    case 'socket':
      return `remove a socket that nobody listens on: ${step.path}`;
    case 'leftover':
      return `move away what a killed process left: ${step.path}`;
    case 'purge':
      return `delete for good, its time is over: ${step.path}`;
    case 'setting':
      return `setting ${step.path}: ${JSON.stringify(step.from)} becomes ${JSON.stringify(step.to)}`;
  }
}

function stepLine({ step, status, note }: DoneStep, view: View): string {
  const paint = status === 'failed' ? 'bad' : status === 'kept' ? 'warn' : 'good';
  return `  ${view.paint(paint, status.padEnd(8))}${shownLine(what(step))}${note === '' ? '' : ` (${shownLine(note)})`}`;
}

export function repairLines({ number, status, steps }: RepairRecord, view: View): readonly string[] {
  return [
    `Repair ${number}: ${status}`,
    ...steps.map((step) => stepLine(step, view)),
    ...(status === 'undone' ? [] : [asTyped(`To take it back: gatehouse doctor undo ${number}`, view)]),
  ];
}

export function planLines(planned: readonly DoneStep[], view: View): readonly string[] {
  if (planned.length === 0) return ['There is nothing that is safe to repair by itself.'];
  return ['This would be changed:', ...planned.map((step) => stepLine(step, view))];
}

export function fixedLines({ planned, repair, findings }: Fixed, view: View): readonly string[] {
  const changed = repair === null ? planLines(planned, view) : repairLines(repair, view);
  return [...changed, '', ...findingLines(findings, view)];
}

export function repairListLines(repairs: readonly RepairRecord[], view: View): readonly string[] {
  return table(
    repairs,
    [
      { title: 'REPAIR', value: ({ number }) => number },
      { title: 'WHEN', value: ({ at }) => formatInstant(at) },
      { title: 'BY', value: ({ author }) => author },
      { title: 'STATUS', value: ({ status }) => status },
      {
        title: 'CHANGED',
        value: ({ steps }) => steps.map(({ step, status }) => `${status} ${step.kind}`).join(', '),
      },
    ],
    view,
    'Nothing was repaired yet.',
  );
}
