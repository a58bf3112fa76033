import type { BudgetLimits } from '../controls/budget/types.ts';
import type { Authority, Effect, SandboxLimits, Subject, TaintLabel, TaintPolicy } from '../kernel/index.ts';
import type { TaintEvent, TaintedFile } from './provenance/files.ts';

export type { TaintEvent, TaintedFile } from './provenance/files.ts';

/** A person's word that what a session has read does no harm any more. */
export interface TaintClearance {
  readonly by: string;
  readonly reason: string;
  /** Also for the files that the session wrote. */
  readonly files: boolean;
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export type MessagePart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'toolCall'; readonly id: string; readonly name: string; readonly arguments: unknown };

/** One committed row of a session. */
export type StoredMessage = {
  readonly id: string;
  /** 1, 2, 3 ... within the session, without holes. */
  readonly seq: number;
  readonly at: number;
  readonly run: string | null;
  readonly taint: readonly TaintLabel[];
} & (
  | { readonly role: 'user'; readonly content: readonly MessagePart[] }
  | {
      readonly role: 'assistant';
      readonly content: readonly MessagePart[];
      readonly model: string;
      readonly usage?: Usage;
      readonly stopReason?: string;
    }
  | {
      readonly role: 'toolResult';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly content: string;
      readonly isError: boolean;
    }
  | { readonly role: 'summary'; readonly content: string; readonly upTo: number }
);

export type SessionStatus = 'idle' | 'running' | 'waiting' | 'done' | 'failed' | 'interrupted' | 'aborted';

/**
 * A session belongs to a space: operators with operator.admin share the space `operator`, every other
 * principal has its own, so that the same key never names somebody else's conversation (S5).
 */
export interface SessionRow {
  readonly space: string;
  /** `agent:<agentId>:<name>`. */
  readonly key: string;
  readonly sessionId: string;
  readonly agent: string;
  readonly label: string | null;
  readonly status: SessionStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly messageCount: number;
  readonly lastMessagePreview: string | null;
  readonly taint: readonly TaintLabel[];
  readonly model: string | null;
  readonly thinkingLevel: string | null;
  readonly verboseLevel: string | null;
  readonly archived: boolean;
  readonly pinned: boolean;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly activeRunId: string | null;
}

export interface SessionFilter {
  readonly space?: string;
  readonly agent?: string;
  readonly search?: string;
  readonly archived?: boolean;
  readonly activeSince?: number;
  readonly limit?: number;
  readonly offset?: number;
}

export interface SessionPatch {
  readonly label?: string | null;
  readonly model?: string | null;
  readonly thinkingLevel?: string | null;
  readonly verboseLevel?: string | null;
  readonly archived?: boolean;
  readonly pinned?: boolean;
}

export interface SessionService {
  /** `main`, `name` and `agent:<id>:<name>` to the canonical key; SESSION_KEY_INVALID for anything else. */
  canonicalKey(key: string, defaultAgent: string): string;
  list(filter: SessionFilter): Promise<{ readonly sessions: readonly SessionRow[]; readonly total: number }>;
  find(space: string, key: string): Promise<SessionRow | undefined>;
  findById(sessionId: string): Promise<SessionRow | undefined>;
  /** The existing session, or a new one. */
  open(space: string, key: string): Promise<SessionRow>;
  patch(space: string, key: string, patch: SessionPatch): Promise<SessionRow>;
  /** Same key, new session id, empty history; the old rows are kept under the old id. */
  reset(space: string, key: string): Promise<SessionRow>;
  delete(space: string, key: string): Promise<boolean>;
  /** How a session came to its labels, cleared ones included, and what files it wrote with them. */
  taintOf(
    sessionId: string,
  ): Promise<{ readonly events: readonly TaintEvent[]; readonly files: readonly TaintedFile[] }>;
  /** @throws SESSION_NOT_FOUND, SESSION_BUSY */
  clearTaint(space: string, key: string, clearance: TaintClearance): Promise<SessionRow>;
  history(
    sessionId: string,
    page?: { readonly limit?: number; readonly beforeSeq?: number },
  ): Promise<readonly StoredMessage[]>;
}

/** Where and how long workspaces of single sessions are kept, and how much of them there may be. */
export interface EphemeralWorkspaces {
  /** Folder of the host that holds them. */
  readonly folder: string;
  /** Milliseconds after the last use. */
  readonly graceMs: number;
  readonly most: number;
  /** Of all together, looked at when one more is made. */
  readonly bytes: number;
}

/** Everything that is fixed about an agent before a turn starts. Made by `configuration/`. */
export interface AgentPolicy {
  readonly agent: string;
  readonly name: string;
  readonly playbook: string;
  /** A destination that no rule names becomes a question to the operator (E8). */
  readonly askForEgress?: boolean;
  /** Install ceiling ∩ playbook, as grants made by commands widen it now. */
  readonly authority: Authority;
  /** Hash of the authority that the files alone give; absent where no grant widens it. */
  readonly filed?: string;
  readonly taintPolicy: TaintPolicy;
  /** Sandbox paths whose reading makes a session `private`, beside the usual homes of credentials. */
  readonly private?: readonly string[];
  /** `provider/model`, first choice first. */
  readonly models: readonly string[];
  readonly systemPrompt: string;
  /** Host directory that is mounted at /workspace, or null for an ephemeral one. */
  readonly workspace: string;
  readonly workspaceAccess: 'none' | 'ro' | 'rw';
  /** Each session gets a workspace of its own, in place of `workspace` (X8). */
  readonly ephemeral?: EphemeralWorkspaces;
  /** Further read-only or writable host directories with their place inside. */
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly mode: 'ro' | 'rw';
  }[];
  readonly sandboxScope: 'session' | 'agent' | 'shared';
  /** Backend that runs this agent's commands; absent means the install's own. */
  readonly sandboxBackend?: string;
  /** Image of a container backend, by digest or by the name it was set up under. */
  readonly sandboxImage?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Secrets that the playbook lists, by name and the hosts they are bound to; runs hold placeholders of them. */
  readonly secrets?: readonly { readonly name: string; readonly hosts: readonly string[] }[];
  /** Whether any rule lets this agent connect anywhere; absent means its runs get no way out at all. */
  readonly egress?: boolean;
  /** Only these programs exist in the sandbox; absent means the minimal system paths. */
  readonly programs?: readonly string[];
  /** Different people who must allow what is asked, if more than the install's own number. */
  readonly approvers?: number;
  readonly limits: SandboxLimits;
  readonly turn: TurnLimits;
  /** What this agent may use; the smaller limit counts where they agree. */
  readonly budgets?: readonly BudgetLimits[];
}

export interface TurnLimits {
  /** Model calls in one turn. */
  readonly steps: number;
  /** Tokens in and out in one turn. */
  readonly tokens: number;
  /** Milliseconds for one turn, waiting for approvals not counted. */
  readonly wallMs: number;
  /** Tokens of history that trigger compaction. */
  readonly contextTokens: number;
  /** Milliseconds an approval stays open. */
  readonly approvalMs: number;
}

export interface TurnRequest {
  readonly space: string;
  readonly sessionKey: string;
  readonly message: string;
  /** Becomes the run id; the same key again never starts a second turn. */
  readonly idempotencyKey: string;
  readonly subject: Subject;
  /** The principal's own rights; the turn narrows them with the agent's and the session's. */
  readonly authority: Authority;
  readonly trace: string;
  readonly model?: string;
  /** Labels of what the message itself brings in (a webhook is `untrusted`). */
  readonly taint?: readonly TaintLabel[];
  readonly timeoutMs?: number;
  /** What happens when the session already runs a turn; `queue` unless said. */
  readonly whenBusy?: 'queue' | 'refuse';
  /** Answer for one run without keeping it as the sender's conversation (OpenAI's stateless form). */
  readonly history?: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
}

export type TurnErrorKind = 'refusal' | 'timeout' | 'rate_limit' | 'context_length' | 'unknown';

export type TurnOutcome =
  | {
      readonly status: 'ok';
      readonly text: string;
      readonly stopReason: string;
      readonly usage: Usage;
      readonly model: string;
    }
  | { readonly status: 'aborted'; readonly text: string; readonly stopReason: string; readonly usage: Usage }
  | {
      readonly status: 'error';
      readonly code: string;
      readonly message: string;
      readonly fix: string;
      readonly errorKind: TurnErrorKind;
      readonly usage: Usage;
      readonly httpStatus: number;
    };

export interface TurnHandle {
  readonly runId: string;
  readonly status: 'started' | 'in_flight' | 'ok' | 'error';
  readonly done: Promise<TurnOutcome>;
}

interface TurnEventBase {
  readonly runId: string;
  readonly space: string;
  readonly sessionKey: string;
  readonly sessionId: string;
  readonly agent: string;
  /** Grows within the run from 1. */
  readonly seq: number;
  readonly at: number;
}

export type TurnEventBody =
  | { readonly type: 'started' }
  | {
      readonly type: 'status';
      readonly phase: 'preparing_context' | 'starting_model' | 'compacting' | 'retrying' | 'waiting_approval';
    }
  | { readonly type: 'model'; readonly provider: string; readonly model: string }
  | { readonly type: 'text'; readonly delta: string; readonly text: string }
  | {
      readonly type: 'tool.requested';
      readonly callId: string;
      readonly tool: string;
      readonly args: unknown;
      readonly effect: Effect;
      readonly code: string;
      readonly rule: string;
      readonly reason: string;
    }
  | {
      readonly type: 'tool.approval';
      readonly callId: string;
      readonly approvalId: string;
      readonly commandText: string;
      readonly expiresAt: number;
      /** What the same answer of the model asked for together, and can be answered together. */
      readonly batch: string | null;
      readonly diff: string | null;
      readonly people: number;
    }
  | { readonly type: 'tool.started'; readonly callId: string; readonly tool: string }
  | {
      readonly type: 'tool.output';
      readonly callId: string;
      readonly stream: 'stdout' | 'stderr';
      readonly chunk: string;
    }
  | {
      readonly type: 'tool.finished';
      readonly callId: string;
      readonly tool: string;
      readonly isError: boolean;
      readonly text: string;
      readonly durationMs: number;
    }
  | { readonly type: 'message'; readonly message: StoredMessage }
  | { readonly type: 'taint'; readonly labels: readonly TaintLabel[] }
  | {
      readonly type: 'finished';
      readonly stopReason: string;
      readonly text: string;
      readonly usage: Usage;
      readonly model: string;
    }
  | { readonly type: 'aborted'; readonly stopReason: string; readonly text: string }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly fix: string;
      readonly errorKind: TurnErrorKind;
    };

export type TurnEvent = TurnEventBase & TurnEventBody;

export interface ToolDescription {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ToolOutcome {
  readonly isError: boolean;
  readonly text: string;
  readonly code?: string;
  readonly requiresApproval?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface TurnService {
  start(request: TurnRequest): Promise<TurnHandle>;
  /** Ends the running turn of a session (or one run of it); returns the run ids that were ended. */
  abort(space: string, sessionKey: string, runId?: string): Promise<readonly string[]>;
  /** Ends everything that a principal started, running or waiting, because it may no longer (A4). */
  abortPrincipal(principal: string): Promise<readonly string[]>;
  /** As `abortPrincipal`, for one credential of it: what another one started goes on. */
  abortCredential(credential: string): Promise<readonly string[]>;
  /** Rights have changed: stop every call under way that would not be let through any more (D7). */
  reconsider(): void;
  wait(runId: string, timeoutMs: number): Promise<TurnOutcome | undefined>;
  /** Who started a run, so that a caller can be refused another space's run. */
  spaceOf(runId: string): string | undefined;
  inFlight(
    space: string,
    sessionKey: string,
  ): { readonly runId: string; readonly text: string; readonly startedAt: number } | undefined;
  subscribe(listener: (event: TurnEvent) => void): () => void;
  /** One tool call outside a conversation (`POST /tools/invoke`): same decisions, same sandbox, same ledger. */
  invokeTool(
    request: Omit<TurnRequest, 'message' | 'history' | 'model'> & {
      readonly tool: string;
      readonly args: unknown;
    },
    signal: AbortSignal,
  ): Promise<ToolOutcome>;
  tools(agent: string): readonly ToolDescription[];
  /** After a crash: mark what was cut off, re-arm turns that waited for an approval. Called once at start. */
  repair(): Promise<{ readonly interrupted: readonly string[]; readonly resumed: readonly string[] }>;
  /** Refuse new turns, let running ones finish until the deadline, then mark them interrupted. */
  drain(deadlineMs: number): Promise<void>;
}

/** What a provider is asked. `messages` are already within the context limit. */
export interface ModelRequest {
  /** Without the provider prefix. */
  readonly model: string;
  readonly system: string;
  readonly messages: readonly StoredMessage[];
  readonly tools: readonly ToolDescription[];
  readonly maxOutputTokens?: number;
}

export type ModelEvent =
  | { readonly type: 'text'; readonly delta: string }
  | { readonly type: 'toolCall'; readonly id: string; readonly name: string; readonly arguments: unknown }
  | {
      readonly type: 'finish';
      readonly reason: 'stop' | 'tool-calls' | 'length' | 'content-filter' | 'other';
      readonly usage: Usage;
    };

/** A model behind a provider. Fails with codes of the MODEL_ namespace; `details.retryable` says what to retry. */
export interface ModelProvider {
  readonly id: string;
  /** What the operator should know, for example that nothing real answers. */
  readonly notice?: string;
  models(): readonly { readonly id: string; readonly name: string; readonly contextTokens: number }[];
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
}
