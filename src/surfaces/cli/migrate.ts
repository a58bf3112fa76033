import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { Change, Migration } from '../../configuration/openclaw-home/migrate.ts';
import { configApply } from '../../operations/config/apply.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { shownLine } from './terminal.ts';
import { asTyped, beside, type View } from './view.ts';

const TITLES: readonly (readonly [Change['kind'], string])[] = [
  ['tightened', 'Narrower than before'],
  ['secret', 'Secrets that left the file'],
  ['yours', 'For you to decide'],
  ['left-out', 'Not taken over'],
];

function changeLines(changes: readonly Change[], view: View): readonly string[] {
  const groups = TITLES.flatMap(([kind, title]) => {
    const rows = changes.filter((change) => change.kind === kind);
    if (rows.length === 0) return [];
    return [
      '',
      view.paint('strong', title),
      ...rows.flatMap(({ path, what, why }) =>
        beside(`  ${shownLine(path)}  `, shownLine(asTyped(`${what}: ${why}`, view)), {
          indent: 6,
          columns: view.columns,
        }),
      ),
    ];
  });
  const unused = changes.filter(({ kind }) => kind === 'unused').map(({ path }) => path);
  if (unused.length === 0) return groups;
  const list = `${unused.length} settings have nothing to act on here and were left out: ${unused.join(', ')}`;
  return [...groups, '', ...beside('', shownLine(list), { indent: 2, columns: view.columns })];
}

function migrationLines({ changes, secrets, rest, warnings }: Migration, view: View): readonly string[] {
  return [
    ...changeLines(changes, view),
    ...(rest.length === 0 ? [] : ['', view.paint('strong', 'What else is in that home')]),
    ...rest.flatMap(({ path, why }) =>
      beside(`  ${shownLine(path)}  `, shownLine(why), { indent: 6, columns: view.columns }),
    ),
    ...(secrets.length === 0 ? [] : ['', view.paint('strong', 'Before you start Gatehouse, export')]),
    ...secrets.map(({ variable, path }) => `  ${shownLine(variable)}  (it stands at ${shownLine(path)})`),
    ...(warnings.length === 0 ? [] : ['', view.paint('strong', 'Good to know')]),
    ...warnings.map(({ path, message }) => `  ${shownLine(path)}: ${shownLine(message)}`),
  ];
}

function folder(given: GivenOptions, env: Command['io']['env']): string {
  const from = given['from'] ?? env['OPENCLAW_STATE_DIR'] ?? join(homedir(), '.openclaw');
  if (typeof from !== 'string' || from === '')
    throw CLI_CODES.error('CLI_USAGE', '--from names the OpenClaw home');
  return isAbsolute(from) ? from : resolve(from);
}

/**
 * `migrate openclaw`: read that home as the account that types it, make a configuration that loads, explain every
 * difference, and apply it unless it is a dry run. Nothing is written to the OpenClaw home.
 */
export async function runMigrate(
  { io, output, parts, invoke }: Command,
  given: GivenOptions,
): Promise<number> {
  const [{ readOpenClawHome }, { migrateOpenClaw }] = await Promise.all([
    import('../../configuration/openclaw-home/home.ts'),
    import('../../configuration/openclaw-home/migrate.ts'),
  ]);
  const dir = folder(given, io.env);
  const home = readOpenClawHome(dir, process.getuid?.() ?? 0);
  const migration = await migrateOpenClaw(home, { paths: parts.paths, env: io.env, now: Date.now() });
  const isDry = given['dryRun'] === true;
  const applied = isDry
    ? null
    : await invoke(configApply, {
        text: migration.text,
        onlyWhenEmpty: given['replace'] !== true,
        reason: `migrated from ${dir}`.slice(0, 200),
        ...(typeof given['ticket'] === 'string' ? { ticket: given['ticket'] } : {}),
      });
  if (output.json) {
    output.document({
      from: dir,
      applied: (applied as { snapshot: object } | null)?.snapshot ?? null,
      ...migration,
    });
    return EXIT.ok;
  }
  output.lines([
    `Read ${shownLine(home.configPath)}; nothing was changed there.`,
    ...migrationLines(migration, output.view),
    '',
    ...(isDry
      ? ['The configuration would be:', '', ...migration.text.trimEnd().split('\n').map(shownLine)]
      : [
          `Written to ${shownLine(parts.paths.config)} and kept as a snapshot.`,
          asTyped('Look at what OpenClaw left behind with: gatehouse security audit --home', output.view) +
            ` ${shownLine(dir)}`,
        ]),
  ]);
  return EXIT.ok;
}
