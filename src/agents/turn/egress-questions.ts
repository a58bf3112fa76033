import { decide, type RefusedDestination } from '../../kernel/index.ts';
import type { DescribedCall } from './approval.ts';
import type { TurnPorts } from './ports.ts';
import type { Turn } from './turn.ts';

/** Lines about destinations that one result carries. */
const MAX_LINES = 5;

/** What the model is told of destinations that a person was asked for (E8): who decides, and when to try again. */
export function askedText(asked: readonly RefusedDestination[]): string {
  const lines = asked
    .slice(0, MAX_LINES)
    .map(
      ({ host, port, code, approval }) =>
        `Refused: ${host}:${port} (${code}). A person was asked to open it for this session (approval ${approval}). Tell the user, and try the same again after they say that it was allowed; do not look for another way.`,
    );
  return lines.length === 0 ? '' : `\n\n${lines.join('\n')}`;
}

/** Ask for the hosts that a call names itself and that no rule knows, as if its run had been refused them. */
export async function askForNamed(
  ports: TurnPorts,
  turn: Turn,
  { id, tool, prepared }: DescribedCall,
): Promise<string> {
  const { ask } = ports.egress;
  if (ask === undefined) return '';
  const asked: RefusedDestination[] = [];
  for (const action of prepared.actions) {
    if (action.kind !== 'net.connect') continue;
    const { code, effect } = decide(turn.authority(), turn.subject, action, ports.clock.now());
    if (effect !== 'deny' || code !== 'EGRESS_HOST_NOT_ALLOWED') continue;
    const { host, port } = action;
    const identity = {
      ...turn.subject,
      agent: turn.id.agent,
      run: `${turn.id.runId}/${id}`,
      tool: tool.name,
    };
    const approval = await ask(identity, { host, port: Number(port), code });
    if (approval !== undefined) asked.push({ host, port: Number(port), code, approval });
  }
  return askedText(asked);
}
