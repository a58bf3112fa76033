import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

export type Installs = readonly {
  readonly name: string;
  readonly home: string;
  readonly port: number;
  readonly unit: string;
  readonly running: boolean;
}[];

export function instanceLines(installs: Installs, view: View): readonly string[] {
  return table(
    installs,
    [
      { title: 'NAME', value: ({ name }) => name },
      { title: 'HOME', value: ({ home }) => home },
      { title: 'PORT', value: ({ port }) => port },
      { title: 'UNIT', value: ({ unit }) => unit },
      { title: 'RUNS', value: ({ running }) => running },
    ],
    view,
    asTyped('No other install is listed; `gatehouse instances add NAME` prepares one.', view),
  );
}
