/** A command without an operation behind it, and why it has none. */
export interface CliOnlyCommand {
  readonly command: string;
  readonly summary: string;
  readonly reason: string;
  readonly examples: readonly string[];
}

/** Every command that is not made from an operation. The parity test accepts no other. */
export const CLI_ONLY: readonly CliOnlyCommand[] = Object.freeze([
  {
    command: 'gateway run',
    summary: 'Run the gateway and egress in the foreground',
    reason: 'It starts the process that answers operations.',
    examples: ['gatehouse gateway run', 'GATEHOUSE_PORT=18790 gatehouse gateway run'],
  },
  {
    command: 'gateway start',
    summary: 'Start the gateway detached, wait until it is ready, and print the posture it measured',
    reason: 'It starts the process that answers operations.',
    examples: ['gatehouse gateway start'],
  },
  {
    command: 'chat',
    summary: 'Talk to an agent in this terminal',
    reason:
      'It is a terminal around agent.run, approvals.resolve and sessions.*; it can do nothing that they cannot.',
    examples: ['gatehouse chat', 'gatehouse chat --session-key work --agent main'],
  },
  {
    command: 'completion',
    summary: 'Print the completion script of a shell',
    reason: 'It is about the command line itself.',
    examples: ['gatehouse completion bash > ~/.local/share/bash-completion/completions/gatehouse'],
  },
]);
