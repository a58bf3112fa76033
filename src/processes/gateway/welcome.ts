import type { Writable } from 'node:stream';
import { REHEARSAL_NOTICE } from '../../agents/index.ts';
import type { EffectiveConfig } from '../../configuration/types.ts';
import type { RuntimeService } from '../../operations/services.ts';
import { beside } from '../../surfaces/cli/view.ts';
import { commandName } from '../command-name.ts';
import type { Program } from '../program.ts';

interface Welcome {
  readonly program: Program;
  readonly runtime: RuntimeService;
  readonly config: EffectiveConfig;
  readonly port: number;
  readonly token: string | undefined;
  readonly repaired: { readonly interrupted: readonly string[]; readonly resumed: readonly string[] };
  readonly out: Writable & { readonly columns?: number };
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
  const command = commandName(program, process.env['PATH']);
  const lines = [
    `Gatehouse ${program.version} is ready on http://127.0.0.1:${port}`,
    '',
    'Posture, as measured just now:',
    ...(await runtime.posture()).flatMap(({ holds, area, measured }) => {
      const head = `  ${holds ? 'ok  ' : 'FAIL'} ${area.padEnd(12)}`;
      return beside(head, measured, { indent: head.length, columns: out.columns });
    }),
  ];
  const { interrupted, resumed } = repaired;
  if (interrupted.length > 0)
    lines.push(
      '',
      `${turns(interrupted.length, 'was', 'were')} cut off when the gateway ended, and marked interrupted.`,
    );
  if (resumed.length > 0)
    lines.push(
      '',
      `${turns(resumed.length, 'waits', 'wait')} for an approval again: ${command} approvals list`,
    );
  if (isRehearsal(config)) lines.push('', REHEARSAL_NOTICE);
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

function turns(count: number, one: string, many: string): string {
  return count === 1 ? `1 turn ${one}` : `${count} turns ${many}`;
}

/** Whether the script answers a person who names neither an agent nor a model. */
function isRehearsal({ agents, defaultAgent, providers }: EffectiveConfig): boolean {
  const provider = agents.get(defaultAgent)?.models[0]?.split('/')[0];
  return providers.find(({ id }) => id === provider)?.api === 'rehearsal';
}
