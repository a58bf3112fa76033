import type { SessionRow } from '../../agents/types.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import { agentRun } from '../../operations/agent/run.ts';
import { gatewayStatus } from '../../operations/gateway/status.ts';
import { sessionsCreate } from '../../operations/sessions/create.ts';
import { sessionsReset } from '../../operations/sessions/reset.ts';
import type { TurnResult } from './agent.ts';
import { explainSilence } from './busy.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { createPrompter, type Prompter } from './prompt.ts';
import { type GatewayReport, gatewayLines } from './render/reports.ts';
import { shownLine } from './terminal.ts';
import { createTurnView } from './turn.ts';

const HELP = [
  '/help    what can be typed here',
  '/status  the gateway and its posture as measured',
  '/new     start this conversation anew',
  '/abort   stop the running answer (so does Ctrl-C)',
  '/quit    leave (so does Ctrl-C when nothing runs, and the end of the input)',
];

interface Chat {
  readonly command: Command;
  readonly sessionKey: string;
  readonly agent?: string;
  readonly prompter: Prompter;
  /** The running turn, if any. */
  turn?: AbortController;
}

async function sendMessage(chat: Chat, message: string): Promise<void> {
  const { command, prompter, sessionKey, agent } = chat;
  const { invoke, io, output } = command;
  const stop = new AbortController();
  chat.turn = stop;
  const view = createTurnView({ invoke, output, ...(io.isTTY ? { prompter: () => prompter } : {}) });
  const input = { message, sessionKey, ...(agent === undefined ? {} : { agent }) };
  const heard = explainSilence({ invoke, output, sessionKey });
  const onEvent = (event: unknown) => {
    heard();
    view.onEvent(event);
  };
  try {
    const options = { signal: stop.signal, onEvent };
    const result = (await invoke(agentRun, input, options)) as TurnResult;
    await view.settled();
    if (!view.wrote()) output.text(`${result.text}\n`);
  } catch (thrown) {
    await view.settled();
    if (!stop.signal.aborted) throw thrown;
    delete chat.turn;
    output.note(output.paint('dim', 'stopped'));
  } finally {
    heard();
    delete chat.turn;
  }
}

async function slashCommand(chat: Chat, word: string): Promise<void> {
  const { invoke, output } = chat.command;
  if (word === '/status') {
    const report = (await invoke(gatewayStatus, {})) as GatewayReport;
    output.lines(gatewayLines(report, output.view));
  } else if (word === '/new') {
    await invoke(sessionsReset, { sessionKey: chat.sessionKey });
    output.note(output.paint('dim', 'a new conversation'));
  } else if (word === '/abort') {
    output.note(output.paint('dim', 'nothing runs'));
  } else {
    if (word !== '/help') output.note(`There is no ${shownLine(word)}. What there is:`);
    output.lines(HELP);
  }
}

/** One line of the person; false ends the chat. Failures are shown and the chat goes on. */
async function handle(chat: Chat, line: string): Promise<boolean> {
  if (line === '') return true;
  if (line === '/quit' || line === '/exit') return false;
  try {
    await (line.startsWith('/') ? slashCommand(chat, line) : sendMessage(chat, line));
  } catch (thrown) {
    chat.command.output.error(asGatehouseError(thrown));
  }
  return true;
}

/** `gatehouse chat`: a conversation in the terminal. Ctrl-C stops the answer first, then the chat. */
export async function runChat(command: Command, given: GivenOptions): Promise<number> {
  const { io, invoke, output } = command;
  const asked = typeof given['sessionKey'] === 'string' ? given['sessionKey'] : 'main';
  const agent = typeof given['agent'] === 'string' ? { agent: given['agent'] } : {};
  // Fails here, before anything is typed, when no gateway runs or the agent may not be used.
  const { session } = (await invoke(sessionsCreate, { sessionKey: asked, ...agent })) as {
    session: SessionRow;
  };
  const interrupt = () => (chat.turn === undefined ? prompter.close() : chat.turn.abort());
  const prompter = createPrompter(io, {
    onInterrupt: interrupt,
    onLine(line) {
      if (line !== '/abort' || chat.turn === undefined) return false;
      chat.turn.abort();
      return true;
    },
  });
  const chat: Chat = { command, sessionKey: session.key, ...agent, prompter };
  const forget = io.onInterrupt(interrupt);
  output.note(output.paint('dim', `${shownLine(session.key)}; /help for what can be typed`));
  try {
    let goesOn = true;
    while (goesOn) {
      const line = await prompter.ask(io.isTTY ? '> ' : '');
      goesOn = line !== undefined && (await handle(chat, line));
    }
    return EXIT.ok;
  } finally {
    forget();
    prompter.close();
  }
}
