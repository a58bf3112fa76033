import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { createProgram } from './program.ts';

function* commandsOf(command: Command): Generator<Command> {
  for (const child of command.commands) {
    yield child;
    yield* commandsOf(child);
  }
}

test('every command and every group of commands says what it is for', () => {
  const nothing = async () => undefined;
  const program = createProgram({ operation: nothing, cliOnly: nothing }, () => undefined);
  const silent = [...commandsOf(program)].filter((command) => command.description() === '');
  assert.deepEqual(
    silent.map((command) => command.name()),
    [],
  );
});

test('help of everything fits 80 columns, but for examples', () => {
  const nothing = async () => undefined;
  let help = '';
  const program = createProgram({ operation: nothing, cliOnly: nothing }, (text) => (help += text));
  program.outputHelp();
  for (const command of commandsOf(program)) command.outputHelp();
  const example = /^ {2}(gatehouse|[A-Z_]+=)/;
  const wide = help.split('\n').filter((line) => line.length > 80 && !example.test(line));
  assert.deepEqual(wide, []);
});
