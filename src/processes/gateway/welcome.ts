import { relative } from 'node:path';
import type { Writable } from 'node:stream';
import { REHEARSAL_NOTICE } from '../../agents/index.ts';
import type { EffectiveConfig } from '../../configuration/types.ts';
import type { RuntimeService } from '../../operations/services.ts';
import type { Program } from '../program.ts';

interface Welcome {
  readonly program: Program;
  readonly runtime: RuntimeService;
  readonly config: EffectiveConfig;
  readonly port: number;
  readonly token: string | undefined;
  readonly repaired: { readonly interrupted: readonly string[]; readonly resumed: readonly string[] };
  readonly out: Writable;
}

/** What an operator sees at start: where it listens, the posture as measured, and what to type next. */
export async function writeWelcome({
  program,
  runtime,
  config,
  port,
  token,
  repaired,
  out,
}: Welcome): Promise<void> {
  const command = commandName(program);
  const lines = [
    `Gatehouse ${program.version} is ready on http://127.0.0.1:${port}`,
    '',
    'Posture, as measured just now:',
    ...(await runtime.posture()).map(
      (line) => `  ${line.holds ? 'ok  ' : 'FAIL'} ${line.area.padEnd(12)}${line.measured}`,
    ),
  ];
  const { interrupted, resumed } = repaired;
  if (interrupted.length > 0)
    lines.push('', `${interrupted.length} turn(s) were cut off by the last end and are marked interrupted.`);
  if (resumed.length > 0)
    lines.push('', `${resumed.length} turn(s) wait for an approval again: ${command} approvals list`);
  if (config.providers.some((provider) => provider.api === 'rehearsal')) lines.push('', REHEARSAL_NOTICE);
  if (token !== undefined) {
    lines.push('', 'First operator token, shown this once and stored as a digest only:', `  ${token}`);
  }
  lines.push(
    '',
    'Next, in another terminal:',
    `  ${command} agent --message "Which system is this?"`,
    `  ${command} chat`,
    `  ${command} doctor`,
    '',
  );
  out.write(lines.join('\n'));
}

/** How this person would call it: by name when it is installed, by path from a checkout. */
function commandName(program: Program): string {
  const path = relative(process.cwd(), program.entry);
  return program.root.includes('node_modules') || path.startsWith('..') ? 'gatehouse' : `./${path}`;
}
