import type { Spender } from '../../controls/budget/index.ts';
import { type Detector, OutgoingText } from '../../controls/secrets/index.ts';
import {
  type Authority,
  authorityOf,
  type GatehouseError,
  joinTaint,
  type LedgerEvent,
  type LedgerReceipt,
  narrow,
  type Subject,
  type TaintLabel,
  taintLayer,
} from '../../kernel/index.ts';
import { TURN_CODES } from '../codes.ts';
import type { StoredRequest, TaintSource, TurnChange, TurnStatus } from '../sessions/log.ts';
import type { NewMessage } from '../sessions/rows.ts';
import type { AgentPolicy, StoredMessage, TurnEvent, TurnEventBody, Usage } from '../types.ts';
import { createDeadline, type Deadline } from './deadline.ts';
import type { TurnPorts } from './ports.ts';
import { rightsNow } from './rights.ts';

/** Sources of labels that one turn keeps. */
export const MAX_SOURCES = 50;

/** Who asks for what, as it was accepted. */
export interface TurnIdentity {
  readonly runId: string;
  readonly space: string;
  readonly key: string;
  readonly sessionId: string;
  readonly agent: string;
  readonly request: StoredRequest;
  /** The principal's own rights. */
  readonly authority: Authority;
  readonly policy: AgentPolicy;
}

/** What a turn has used and gathered when it begins; a resumed one has some already. */
export interface TurnStart {
  readonly messages: readonly StoredMessage[];
  readonly taint: readonly TaintLabel[];
  readonly steps: number;
  readonly usage: Usage;
  /** A session's own choice of model, before the agent's. */
  readonly model?: string;
}

/** One running turn: its state, and the only ways to change it. */
export class Turn {
  readonly id: TurnIdentity;
  readonly subject: Subject;
  readonly startedAt: number;
  readonly deadline: Deadline;
  readonly preferredModel: string | undefined;
  /** What the model is shown. */
  messages: StoredMessage[];
  taint: readonly TaintLabel[];
  steps: number;
  usage: Usage;
  /** What is said passes it, so that no credential goes out in pieces (K5). */
  readonly #outgoing: OutgoingText;
  readonly detector: Detector;
  /** Everything that was streamed to the user in this turn. */
  text = '';
  /** What of it belongs to the step that is not committed yet. */
  partial = '';
  /** Which of the agent's models answers; moves on when one fails, and stays there. */
  model = 0;
  /** As the store has it. */
  status: TurnStatus = 'running';
  /** Calls that may have had an effect and have no stored result yet. */
  readonly started = new Set<string>();
  readonly #ports: TurnPorts;
  readonly #publish: (event: TurnEvent) => void;
  readonly #controller = new AbortController();
  readonly #records: Promise<unknown>[] = [];
  readonly #sources = new Map<string, TaintSource>();
  readonly #known = new Set<string>();
  readonly #watched = new Set<() => void>();
  #rights: { readonly live: AgentPolicy | undefined; readonly authority: Authority } | undefined;
  #first: string | undefined;
  #seq = 0;
  #storedUsage: Usage;

  constructor(
    ports: TurnPorts,
    id: TurnIdentity,
    start: TurnStart,
    detector: Detector,
    publish: (event: TurnEvent) => void,
  ) {
    this.detector = detector;
    this.#outgoing = new OutgoingText(this.detector);
    this.#ports = ports;
    this.#publish = publish;
    this.id = id;
    this.subject = { ...id.request.subject, agent: id.agent, session: id.key, run: id.runId };
    this.startedAt = ports.clock.now();
    this.messages = [...start.messages];
    this.taint = start.taint;
    this.steps = start.steps;
    this.usage = start.usage;
    this.#storedUsage = start.usage;
    // A session's choice counts only while the agent has that model: a patch of a session grants nothing.
    this.preferredModel = [id.request.model, start.model].find(
      (ref) => ref !== undefined && id.policy.models.includes(ref),
    );
    const wall = Math.min(id.policy.turn.wallMs, id.request.timeoutMs ?? Number.POSITIVE_INFINITY);
    this.deadline = createDeadline(
      wall,
      () => ports.clock.monotonic(),
      () => this.stop(TURN_CODES.error('TURN_TIMEOUT')),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the turn with this reason; the first one counts. */
  stop(reason: GatehouseError): void {
    this.#controller.abort(reason);
  }

  /** What may be done now: the agent's, the principal's and the session's limits together. */
  authority(incoming: readonly TaintLabel[] = [], taint: readonly TaintLabel[] = this.taint): Authority {
    const { policy, agent, authority } = this.id;
    const live = this.#ports.policyOf(agent);
    if (this.#rights === undefined || this.#rights.live !== live) {
      this.#rights = { live, authority: rightsNow(policy, live, authority) };
    }
    return narrow(this.#rights.authority, this.taintAuthority(incoming, taint));
  }

  /** Be asked again about a call that is under way whenever rights change; the returned function ends that. */
  watch(again: () => void): () => void {
    this.#watched.add(again);
    return () => void this.#watched.delete(again);
  }

  /** Rights have changed. */
  reconsider(): void {
    for (const again of this.#watched) again();
  }

  /** What the session's labels alone leave, with those that a call is going to bring in. */
  taintAuthority(incoming: readonly TaintLabel[] = [], taint: readonly TaintLabel[] = this.taint): Authority {
    return authorityOf(taintLayer(joinTaint(taint, incoming), this.id.policy.taintPolicy));
  }

  /** Labels only accumulate, and count from the next decision on. */
  addTaint(labels: readonly TaintLabel[], source: string): void {
    for (const label of labels) this.#noteSource({ label, source });
    const joined = joinTaint(this.taint, labels);
    if (joined.length === this.taint.length) return;
    this.taint = joined;
    this.emit({ type: 'taint', labels: joined });
  }

  /** Each source once per turn, and no more of them than a person would read. */
  #noteSource(from: TaintSource): void {
    const key = `${from.label} ${from.source}`;
    if (this.#known.has(key) || this.#known.size >= MAX_SOURCES) return;
    this.#known.add(key);
    this.#sources.set(key, from);
    this.#first ??= from.source;
    const { label, source } = from;
    void this.record({ type: 'tool', action: 'taint.added', outcome: 'success', data: { label, source } });
  }

  /** What the first label came from. */
  get taintSource(): string {
    return this.#first ?? 'what the session read before';
  }

  emit(body: TurnEventBody): void {
    const { runId, space, key, sessionId, agent } = this.id;
    this.#seq += 1;
    const at = this.#ports.clock.now();
    this.#publish({ runId, space, sessionKey: key, sessionId, agent, seq: this.#seq, at, ...body });
  }

  say(delta: string): void {
    this.#said(this.#outgoing.push(delta));
  }

  /** The model has ended its step: nothing is held back any more. */
  said(): void {
    this.#said(this.#outgoing.flush());
  }

  /** The step failed before anything of it was said: what was held back is not said either. */
  unsaid(): void {
    this.#outgoing.drop();
  }

  #said(delta: string): void {
    if (delta === '') return;
    const lead = this.partial === '' && this.text !== '' ? '\n\n' : '';
    this.partial += delta;
    this.text += lead + delta;
    this.emit({ type: 'text', delta: lead + delta, text: this.text });
  }

  /** Commit rows, state and use in one transaction, then tell. */
  async commit(
    change: Omit<TurnChange, 'runId' | 'sessionId' | 'messages' | 'usage' | 'steps' | 'sources'> & {
      readonly messages?: readonly NewMessage[];
    },
  ): Promise<readonly StoredMessage[]> {
    const { runId, sessionId } = this.id;
    const { usage, steps } = this;
    const added = {
      inputTokens: usage.inputTokens - this.#storedUsage.inputTokens,
      outputTokens: usage.outputTokens - this.#storedUsage.outputTokens,
    };
    const sources = [...this.#sources.values()];
    const log = this.#ports.sessions.log;
    const stored = await log.write({ runId, sessionId, usage: added, steps, sources, ...change });
    this.#sources.clear();
    this.#storedUsage = usage;
    if (change.status !== undefined) this.status = change.status;
    this.messages.push(...stored.filter((message) => message.role !== 'summary'));
    for (const message of stored) this.emit({ type: 'message', message });
    return stored;
  }

  addUsage(usage: Usage): void {
    this.usage = {
      inputTokens: this.usage.inputTokens + usage.inputTokens,
      outputTokens: this.usage.outputTokens + usage.outputTokens,
    };
  }

  /** Whose budgets this turn uses. */
  spender(): Spender {
    const { policy, request } = this.id;
    return { subject: this.subject, trace: request.trace, agentLimits: policy.budgets ?? [] };
  }

  /** Tokens that this turn may still use. */
  tokensLeft(): number {
    return this.id.policy.turn.tokens - this.usage.inputTokens - this.usage.outputTokens;
  }

  /** Append to the ledger in the background; `recorded` waits for it. */
  record(event: Omit<LedgerEvent, 'subject' | 'trace'> & { readonly tool?: string }): Promise<LedgerReceipt> {
    const { tool, ...rest } = event;
    const subject = tool === undefined ? this.subject : { ...this.subject, tool };
    const written = this.#ports.ledger.append({ ...rest, subject, trace: this.id.request.trace });
    written.catch(() => undefined);
    this.#records.push(written);
    return written;
  }

  /** Rejects with TURN_NOT_RECORDED when anything of this turn could not be written to the ledger (attack 98). */
  async recorded(): Promise<void> {
    try {
      await Promise.all(this.#records);
      this.#records.length = 0;
    } catch (cause) {
      throw TURN_CODES.error('TURN_NOT_RECORDED', undefined, { cause });
    }
  }
}
