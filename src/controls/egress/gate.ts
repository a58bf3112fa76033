import {
  type Action,
  type Alerts,
  type Authority,
  asGatehouseError,
  Burst,
  type Clock,
  type Decision,
  decide,
  type GatehouseError,
  judge,
  type Ledger,
  type Subject,
  type Tripwire,
} from '../../kernel/index.ts';
import { classifyAddress } from './address.ts';
import { type RunMeter, UsageBook } from './meter.ts';
import type { EgressPolicy, Handle, Passage, Via } from './passage.ts';
import { codedRefusal, decisionRefusal, recordClosed, recordDecision } from './record.ts';
import { needsRequests } from './request-rules.ts';
import { type CompiledEgressRule, namesLocal, permitsAddress, protocolOf } from './rules.ts';
import type { EgressLimits, ResolvedAddress, Resolver, Target } from './types.ts';

/** Longest answer that is checked; a larger one is refused whole. */
export const MAX_ANSWER_ADDRESSES = 64;

/** Refused connections of one run within a window until somebody is told (T4). */
export const SPIKE_REFUSALS = 20;
const SPIKE_WINDOW_MS = 60_000;

export interface GateParts {
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly tripwire: Tripwire;
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** Read anew for each connection: a reload changes them (E9). */
  readonly limits: () => EgressLimits;
  /** Told of each connection that only a grant opened, after its record is durable. */
  readonly onGranted?: (grant: string, subject: Subject) => void;
  /** Set for drills alone: what this gate admits is never dialled. */
  readonly rehearsal?: true;
  /** Whether an address and port are Gatehouse's own listeners (attack 14). */
  isSelf(address: string, port: number): boolean;
}

interface Open {
  readonly passage: Passage;
  readonly policyOf: () => EgressPolicy | undefined;
  readonly controller: AbortController;
}

/** Decides, resolves, checks, records; the only place where a destination becomes something to dial. */
export class Gate {
  readonly #parts: GateParts;
  readonly #open = new Set<Open>();
  readonly #spikes = new Burst(SPIKE_REFUSALS, SPIKE_WINDOW_MS);
  /** What runs have used today and hold open. */
  readonly usage: UsageBook;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.usage = new UsageBook(parts.clock, parts.limits);
  }

  /** A gate that does all of this with other answers, and whose passages nobody can dial. */
  rehearsal(resolver: Resolver): Gate {
    return new Gate({ ...this.#parts, resolver, rehearsal: true });
  }

  get connections(): number {
    return this.#open.size;
  }

  get limits(): EgressLimits {
    return this.#parts.limits();
  }

  get clock(): Clock {
    return this.#parts.clock;
  }

  get tripwire(): Tripwire {
    return this.#parts.tripwire;
  }

  get alerts(): Alerts {
    return this.#parts.alerts;
  }

  get ledger(): Ledger {
    return this.#parts.ledger;
  }

  /**
   * Admit one connection. The order is the guarantee: decide before anything is resolved (attack 21), refuse
   * the whole answer for one bad address (attack 17), and return only when the record is durable (attack 98).
   *
   * @throws the refusal, after it was recorded.
   */
  async enter(
    policyOf: () => EgressPolicy | undefined,
    subject: Subject,
    target: Target,
    via: Via,
    meter: RunMeter,
  ): Promise<Handle> {
    const full = this.#open.size >= this.limits.connectionsTotal ? 'EGRESS_LIMIT_CONNECTIONS' : undefined;
    const limit = full ?? meter.refusal();
    if (limit !== undefined) throw await this.refused(codedRefusal(limit, target), subject, via);
    const releaseRun = meter.connect();
    try {
      const passage = await this.check(policyOf(), subject, target, via);
      await recordDecision(this.#parts.ledger, passage, via);
      if (passage.grant !== undefined) this.#parts.onGranted?.(passage.grant, subject);
      return this.#register(passage, policyOf, via, releaseRun);
    } catch (thrown) {
      releaseRun();
      throw thrown;
    }
  }

  /** Decide and resolve without connecting. Refusals are recorded; an admission is left to the caller. */
  async check(
    policy: EgressPolicy | undefined,
    subject: Subject,
    target: Target,
    via: Via,
  ): Promise<Passage> {
    try {
      const { decision, rule } = this.decide(policy, subject, target, via);
      const addresses = await this.resolve(target, decision, rule);
      const now = this.#parts.clock.now();
      const intercepted = needsRequests(policy, target, now);
      const grant = grantOf(policy, subject, target, now);
      const { rehearsal } = this.#parts;
      const found = {
        subject,
        target,
        decision,
        rule,
        addresses,
        intercepted,
        ...(rehearsal === undefined ? {} : { rehearsal }),
      };
      return grant === undefined ? found : { ...found, grant };
    } catch (thrown) {
      throw await this.refused(asGatehouseError(thrown), subject, via);
    }
  }

  /** Decide by host and port alone; nothing is resolved and nothing recorded. */
  decide(
    policy: EgressPolicy | undefined,
    subject: Subject,
    target: Target,
    via: Via,
  ): Pick<Passage, 'decision' | 'rule'> {
    if (policy === undefined) throw codedRefusal('EGRESS_AGENT_UNKNOWN', target);
    const now = this.#parts.clock.now();
    const decision = decide(policy.authority, subject, connectAction(target), now);
    if (decision.effect !== 'allow') throw decisionRefusal(decision, target);
    const rule = policy.table.find(target, now);
    if (target.local && !namesLocal(rule)) throw codedRefusal('EGRESS_HOST_LOCAL', target, decision);
    const protocol = protocolOf(rule, target);
    if (via === 'http' && protocol !== undefined && protocol !== 'http') {
      throw codedRefusal('EGRESS_SCHEME_REFUSED', target, decision);
    }
    return { decision, rule };
  }

  /** Look the name up once and check the whole answer; only what this returns may be dialled. */
  async resolve(
    target: Target,
    decision: Decision,
    rule: CompiledEgressRule | undefined,
  ): Promise<readonly ResolvedAddress[]> {
    const addresses = await this.#lookUp(target, decision);
    for (const { address } of addresses) {
      if (this.#parts.isSelf(address, target.port)) throw codedRefusal('EGRESS_LOOP', target, decision);
      const found = classifyAddress(address);
      if (found.public || permitsAddress(rule, target, address)) continue;
      const message = `${target.host} leads to an address that is not public (${found.kind}), and the rule does not name that network`;
      throw codedRefusal('EGRESS_ADDRESS_NOT_PUBLIC', target, decision, message);
    }
    return addresses;
  }

  async #lookUp(target: Target, decision: Decision): Promise<readonly ResolvedAddress[]> {
    if (target.literal !== 0) return [{ address: target.host, family: target.literal }];
    if (target.host === 'localhost') {
      return [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ];
    }
    let addresses: readonly ResolvedAddress[];
    try {
      addresses = await this.#parts.resolver.resolve(target.host);
    } catch (cause) {
      throw codedRefusal('EGRESS_DNS_FAILED', target, decision, undefined, cause);
    }
    if (addresses.length === 0) throw codedRefusal('EGRESS_DNS_EMPTY', target, decision);
    if (addresses.length > MAX_ANSWER_ADDRESSES) throw codedRefusal('EGRESS_DNS_TOO_MANY', target, decision);
    return addresses;
  }

  /** Record a refusal and hand it back. A refusal stands whether or not it could be recorded. */
  async refused(refusal: GatehouseError, subject: Subject, via: Via, raw?: string): Promise<GatehouseError> {
    await recordDecision(
      this.#parts.ledger,
      { subject, refusal, ...(raw === undefined ? {} : { raw }) },
      via,
    ).catch(() => undefined);
    this.#countRefusal(refusal, subject);
    return refusal;
  }

  #countRefusal({ code, details }: GatehouseError, subject: Subject): void {
    const { run, agent, principal } = subject;
    if (!this.#spikes.add(run ?? principal, this.#parts.clock.monotonic())) return;
    const { host } = details;
    this.#parts.alerts.raise({
      rule: 'egress.spike',
      code,
      severity: 'warning',
      title: `${SPIKE_REFUSALS} connections of a run of ${agent ?? principal} were refused within a minute`,
      fix: 'Look at what the run wants in `gatehouse ledger tail --type egress`; stop its session if nobody meant it.',
      key: run ?? principal,
      subject,
      data: host === undefined ? {} : { host },
    });
  }

  /** Look at every open connection again, after a reload: what the new policy does not allow ends (attack 97). */
  reconsider(): void {
    for (const open of this.#open) this.#reconsiderOne(open);
  }

  /** @returns whether the connection still stands. */
  #reconsiderOne({ passage, policyOf, controller }: Open): boolean {
    const { subject, target } = passage;
    const policy = policyOf();
    const now = this.#parts.clock.now();
    const allowed =
      policy !== undefined &&
      decide(policy.authority, subject, connectAction(target), now).effect === 'allow';
    const rule = policy?.table.find(target, now);
    // An opaque tunnel carries requests that nobody judges; under a rule that judges them it cannot stand.
    const unseen = needsRequests(policy, target, now) && !passage.intercepted;
    const stands =
      allowed &&
      !unseen &&
      passage.addresses.every(
        ({ address }) => classifyAddress(address).public || permitsAddress(rule, target, address),
      );
    if (!stands) controller.abort(codedRefusal('EGRESS_RULE_ENDED', target, passage.decision));
    return stands;
  }

  #register(passage: Passage, policyOf: Open['policyOf'], via: Via, releaseRun: () => void): Handle {
    const { clock, ledger } = this.#parts;
    const controller = new AbortController();
    const open: Open = { passage, policyOf, controller };
    const started = clock.monotonic();
    this.#open.add(open);
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const left = this.limits.totalMs - (clock.monotonic() - started);
      if (left <= 0) {
        controller.abort(codedRefusal('EGRESS_LIMIT_TIME', passage.target, passage.decision));
        return;
      }
      const change = nextExpiry(policyOf()?.authority, passage, clock.now());
      timer = setTimeout(() => this.#reconsiderOne(open) && arm(), Math.min(left, change));
      timer.unref();
    };
    arm();
    return {
      passage,
      signal: controller.signal,
      finish: (ending) => {
        if (!this.#open.delete(open)) return;
        clearTimeout(timer);
        releaseRun();
        void recordClosed(ledger, passage, via, { ...ending, ms: Math.round(clock.monotonic() - started) });
      },
    };
  }
}

/** The grant without which one of the layers would not allow this. */
function grantOf(
  policy: EgressPolicy | undefined,
  subject: Subject,
  target: Target,
  now: number,
): string | undefined {
  for (const layer of policy?.authority.layers ?? []) {
    if (layer.grants.length === 0) continue;
    const { grant } = judge(layer, subject, connectAction(target), now);
    if (grant !== undefined) return grant.id;
  }
  return undefined;
}

function connectAction({ host, port }: Target): Action {
  return { kind: 'net.connect', host, port: String(port) };
}

/** Milliseconds until a rule or grant that may carry this passage expires; Infinity when none does. */
function nextExpiry(authority: Authority | undefined, { target, rule }: Passage, now: number): number {
  const times = [rule?.spec.expires];
  const parent = target.host.slice(target.host.indexOf('.') + 1);
  for (const layer of authority?.layers ?? []) {
    for (const grant of layer.grants) if (grant.kind === 'net.connect') times.push(grant.expires);
    const index = layer.index.get('net.connect');
    if (index === undefined) continue;
    for (const list of [index.exact.get(target.host), index.suffix.get(parent), index.rest]) {
      for (const entry of list ?? []) times.push(entry.rule.expires);
    }
  }
  const future = times.filter((time) => time !== undefined && time > now) as number[];
  return Math.min(...future.map((time) => time - now));
}
