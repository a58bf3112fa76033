import type { SessionRow } from '../../agents/types.ts';
import { sessionsShow } from '../../operations/sessions/show.ts';
import type { Output } from './output.ts';
import type { Invoke } from './session.ts';
import { asTyped } from './view.ts';

/** Milliseconds of silence after which a person is told why nothing happens. */
const SILENCE_MS = 1_000;

const WHY: Readonly<Record<string, string>> = {
  waiting:
    'An earlier message of this conversation waits for an approval, and this one waits for it: gatehouse approvals list',
  running: 'An earlier message of this conversation is being answered; this one is next.',
};

interface BusyParts {
  readonly invoke: Invoke;
  readonly output: Output;
  readonly sessionKey: string;
  readonly agent?: string;
}

/**
 * Turns of one conversation run one after the other. Says so when a message has to wait.
 *
 * @returns what to call as soon as anything is heard of the turn
 */
export function explainSilence({ invoke, output, sessionKey, agent }: BusyParts): () => void {
  let heard = false;
  const explain = async () => {
    const key = agent === undefined || sessionKey.includes(':') ? sessionKey : `agent:${agent}:${sessionKey}`;
    const { session } = (await invoke(sessionsShow, { sessionKey: key })) as { session: SessionRow };
    const why = WHY[session.status];
    if (!heard && why !== undefined) output.note(asTyped(why, output.view));
  };
  // Only a courtesy: a conversation that cannot be looked at fails by itself, with its own message.
  const timer = setTimeout(() => void explain().catch(() => undefined), SILENCE_MS);
  return () => {
    heard = true;
    clearTimeout(timer);
  };
}
