import { createHash } from 'node:crypto';
import { OutgoingText } from '../../controls/secrets/index.ts';
import type { Mount, RefusedDestination, RunObserver, RunResult, RunSpec } from '../../kernel/index.ts';
import { decide } from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { Tool, ToolRunner } from '../tools/define.ts';
import type { AgentPolicy } from '../types.ts';
import type { TurnPorts } from './ports.ts';
import type { Turn } from './turn.ts';

/** Where the agent's workspace is inside. */
const WORKSPACE = '/workspace';
const TMP = '/tmp';

/** What every run has beside the sandbox's own variables, which include PATH and a HOME of its own. */
const BASE_ENV: Readonly<Record<string, string>> = { TERM: 'dumb' };

/** Commits of an agent carry its name, which no real address has (RFC 2606). */
function gitEnvironment(agent: string): Readonly<Record<string, string>> {
  const who = { NAME: agent, EMAIL: `${agent}@gatehouse.invalid` };
  return Object.fromEntries([
    ...Object.entries(who).flatMap(([key, value]) => [
      [`GIT_AUTHOR_${key}`, value],
      [`GIT_COMMITTER_${key}`, value],
    ]),
    ['GIT_TERMINAL_PROMPT', '0'],
  ]);
}

export function workingDirectory(policy: AgentPolicy): string {
  return policy.workspaceAccess === 'none' ? TMP : WORKSPACE;
}

/** What a run of this agent sees of the host. */
export function mountsOf(policy: AgentPolicy): readonly Mount[] {
  const { workspace, workspaceAccess: mode } = policy;
  const own: readonly Mount[] = mode === 'none' ? [] : [{ source: workspace, target: WORKSPACE, mode }];
  return [...own, ...policy.mounts];
}

/** Folders of the host that a run of this agent works on or looks at. */
export function foldersOf(policy: AgentPolicy): readonly string[] {
  return mountsOf(policy).map(({ source }) => source);
}

export function environmentOf(policy: AgentPolicy): Readonly<Record<string, string>> {
  return { ...BASE_ENV, ...gitEnvironment(policy.agent), ...policy.env };
}

/** Where a run of this agent takes place. */
export function placeOf({ sandboxBackend, sandboxImage }: AgentPolicy): Pick<RunSpec, 'backend' | 'image'> {
  return {
    ...(sandboxBackend === undefined ? {} : { backend: sandboxBackend }),
    ...(sandboxImage === undefined ? {} : { image: sandboxImage }),
  };
}

/** Whether a run of this tool gets a socket to egress. */
export function hasWayOut(tool: Tool, policy: AgentPolicy): boolean {
  return tool.network && policy.egress === true;
}

/** Digest of everything about the sandbox that an approval is bound to. */
export function sandboxDigest(ports: TurnPorts, turn: Turn, tool: Tool): string {
  const { policy } = turn.id;
  const facts = {
    backend: ports.sandbox.identity?.(placeOf(policy)) ?? ports.sandbox.backend,
    mounts: mountsOf(policy),
    limits: policy.limits,
    programs: tool.ownCommand ? (policy.programs ?? null) : null,
    egress: hasWayOut(tool, policy),
    secrets: secretsOf(ports, turn, tool, true),
    playbook: policy.playbook,
  };
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

/**
 * Secrets that a run of this tool may use with the authority of this moment. What asks is there only when a person
 * approved the call (X9).
 */
export function secretsOf(ports: TurnPorts, turn: Turn, tool: Tool, approved: boolean): readonly string[] {
  const { policy } = turn.id;
  if (!hasWayOut(tool, policy)) return [];
  const now = ports.clock.now();
  return (policy.secrets ?? []).flatMap(({ name, hosts }) => {
    const effects = hosts.map((host) => {
      const action = { kind: 'secret.use', secret: name, host } as const;
      return decide(turn.authority(), turn.subject, action, now).effect;
    });
    return effects.includes('allow') || (approved && effects.includes('ask')) ? [name] : [];
  });
}

/** What the runs of one call have in common. */
export interface CallFacts {
  readonly id: string;
  /** A person said yes to this very call. */
  readonly approved: boolean;
  readonly timeoutMs?: number;
  /** The call has its folders for itself already. */
  readonly alone: boolean;
  /** Ends with the turn, and when what allowed the call has ended. */
  readonly signal: AbortSignal;
}

/** The runs of one call, and what they may have brought in. */
export interface CallRunner extends ToolRunner {
  /** Whether a run sent or got anything through egress, as egress says and not the run. */
  reached(): boolean;
  /** Destinations that a person was asked for, because egress refused them. */
  asked(): readonly RefusedDestination[];
}

type OnClosed = (run: Awaited<ReturnType<TurnPorts['egress']['closeRun']>>) => void;

/** Runs argvs of one call; each gets its own run id and, where the tool may connect, its own socket. */
export function createRunner(ports: TurnPorts, turn: Turn, tool: Tool, call: CallFacts): CallRunner {
  let reached = false;
  const asked = new Map<string, RefusedDestination>();
  const onClosed: OnClosed = (run) => {
    reached ||= run.reached;
    for (const refused of run.refused ?? []) {
      if (refused.approval !== undefined) asked.set(refused.approval, refused);
    }
  };
  return {
    reached: () => reached,
    asked: () => [...asked.values()],
    run: (argv, stdin) => runOnce(ports, turn, tool, call, argv, stdin, onClosed),
    readable(path) {
      const action = { kind: 'file.read', path } as const;
      return decide(turn.authority(), turn.subject, action, ports.clock.now()).effect === 'allow';
    },
  };
}

async function runOnce(
  ports: TurnPorts,
  turn: Turn,
  tool: Tool,
  call: CallFacts,
  argv: readonly [string, ...string[]],
  stdin: Uint8Array | undefined,
  onClosed: OnClosed,
): Promise<RunResult> {
  call.signal.throwIfAborted();
  const { policy } = turn.id;
  const runId = ports.random.uuid();
  if (policy.ephemeral !== undefined) {
    if (ports.tasks === undefined) throw TURN_CODES.error('TURN_WORKSPACES_FULL');
    await ports.tasks.enter(policy, turn.id.sessionId, { ...turn.subject, run: turn.id.runId });
  }
  const spec: RunSpec = {
    runId,
    scope: scopeOf(turn),
    ...placeOf(policy),
    argv,
    cwd: workingDirectory(policy),
    env: environmentOf(policy),
    mounts: mountsOf(policy),
    limits: {
      ...policy.limits,
      wallMs: Math.min(policy.limits.wallMs, call.timeoutMs ?? policy.limits.wallMs),
    },
    ...(stdin === undefined ? {} : { stdin }),
    ...(tool.ownCommand ? {} : { fixed: true }),
    ...(tool.ownCommand && policy.programs !== undefined ? { programs: ['sh', ...policy.programs] } : {}),
  };
  const observer = tool.ownCommand ? streamed(turn, call.id) : undefined;
  const leave = call.alone
    ? undefined
    : await ports.workspaces.enter(foldersOf(policy), 'shared', call.signal);
  try {
    return await started(ports, turn, tool, call, spec, observer, onClosed);
  } finally {
    observer?.flush();
    leave?.();
  }
}

async function started(
  ports: TurnPorts,
  turn: Turn,
  tool: Tool,
  call: CallFacts,
  spec: RunSpec,
  observer: RunObserver | undefined,
  onClosed: OnClosed,
): Promise<RunResult> {
  const { runId } = spec;
  if (!hasWayOut(tool, turn.id.policy)) return ports.sandbox.run(spec, call.signal, observer);
  const identity = { ...turn.subject, agent: turn.id.agent, run: runId, tool: tool.name };
  const secrets = secretsOf(ports, turn, tool, call.approved);
  const budget = await ports.budget.reserveBytes(turn.spender());
  const { socketPath, env, trustBundle } = await ports.egress
    .openRun(identity, secrets, budget.bytes)
    .catch(async (thrown: unknown) => {
      await budget.settle(0);
      throw thrown;
    });
  const open: RunSpec = {
    ...spec,
    env: { ...spec.env, ...env },
    egressSocket: socketPath,
    ...(trustBundle === undefined ? {} : { trustBundle }),
  };
  try {
    return await ports.sandbox.run(open, call.signal, observer);
  } finally {
    const closed = await ports.egress.closeRun(runId).catch((cause: unknown) => {
      ports.logger.warn('a run socket could not be closed', { run: runId, cause: `${cause}` });
      return { reached: true };
    });
    await budget.settle('bytes' in closed ? closed.bytes : undefined);
    onClosed(closed);
  }
}

function scopeOf(turn: Turn): string {
  const { policy, sessionId, agent } = turn.id;
  if (policy.sandboxScope === 'session') return `session:${sessionId}`;
  return policy.sandboxScope === 'agent' ? `agent:${agent}` : 'shared';
}

/** Output as it comes, for people who watch; the result holds what the model reads. */
function streamed(turn: Turn, callId: string) {
  let left = turn.id.policy.limits.outputBytes;
  const outgoing = { stdout: new OutgoingText(turn.detector), stderr: new OutgoingText(turn.detector) };
  const show = (stream: 'stdout' | 'stderr', chunk: string) => {
    if (chunk !== '') turn.emit({ type: 'tool.output', callId, stream, chunk });
  };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return {
    onOutput(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
      const shown = bytes.subarray(0, left);
      left -= shown.byteLength;
      show(stream, outgoing[stream].push(decoders[stream].decode(shown, { stream: true })));
    },
    /** The run has ended. */
    flush(): void {
      for (const stream of ['stdout', 'stderr'] as const) show(stream, outgoing[stream].flush());
    },
  };
}
