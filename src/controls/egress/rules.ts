import type { Rule } from '../../kernel/index.ts';
import { type Cidr, inNetworks, parseNetwork } from './address.ts';
import { EGRESS_CODES } from './codes.ts';
import { judgeHost } from './host.ts';
import { canonicalAddress } from './ip.ts';
import { type PathPattern, parsePathPattern } from './request-path.ts';
import {
  EGRESS_CLASSES,
  EGRESS_METHODS,
  EGRESS_PROTOCOLS,
  type EgressProtocol,
  type EgressRuleSpec,
  type Target,
} from './types.ts';

/** RFC 6761 section 6.3: localhost is loopback whatever a name server says. */
const LOOPBACK_NETWORKS = ['127.0.0.0/8', '::1/128']
  .map(parseNetwork)
  .filter((network) => network !== undefined);

/** The one text of a rule's host that the kernel compares with; undefined when it is none. */
function canonicalRuleHost(host: string): string | undefined {
  if (host === '*') return host;
  const wildcard = host.startsWith('*.');
  const bare = wildcard ? host.slice(2) : host;
  const judged = judgeHost(bare.includes(':') && !bare.startsWith('[') ? `[${bare}]` : bare);
  if (!judged.ok) return undefined;
  if (!wildcard) return judged.host;
  // `*.org` would stand for every name below a top-level domain.
  return judged.literal === 0 && judged.host.includes('.') ? `*.${judged.host}` : undefined;
}

/** What is wrong with a rule, for configuration errors; undefined when it is fine. */
export function egressRuleProblem(
  spec: EgressRuleSpec,
): { readonly field: keyof EgressRuleSpec; readonly message: string } | undefined {
  if (spec.id === '') return { field: 'id', message: 'the rule has no id' };
  if (canonicalRuleHost(spec.host) === undefined) {
    return {
      field: 'host',
      message: 'host must be a name, `*.name` for exactly one label, an address, or `*`',
    };
  }
  if (!Number.isInteger(spec.port) || spec.port < 1 || spec.port > 65_535) {
    return { field: 'port', message: 'port must be a number from 1 to 65535' };
  }
  if (!EGRESS_CLASSES.includes(spec.class)) {
    return { field: 'class', message: `class must be one of ${EGRESS_CLASSES.join(', ')}` };
  }
  if (spec.protocol !== undefined && !EGRESS_PROTOCOLS.includes(spec.protocol)) {
    return { field: 'protocol', message: `protocol must be one of ${EGRESS_PROTOCOLS.join(', ')}` };
  }
  const bad = spec.networks?.find((network) => parseNetwork(network) === undefined);
  if (bad !== undefined)
    return { field: 'networks', message: `not a network in CIDR form: ${JSON.stringify(bad)}` };
  const request = requestProblem(spec);
  if (request !== undefined) return request;
  if (spec.host === '*' && (spec.networks?.length ?? 0) > 0) {
    return { field: 'networks', message: 'a rule for every host cannot open networks that are not public' };
  }
  return undefined;
}

/** What is wrong with the keys that speak of requests. An empty list would mean nothing at all (attack 95). */
function requestProblem(
  spec: EgressRuleSpec,
): { readonly field: keyof EgressRuleSpec; readonly message: string } | undefined {
  const { methods, paths, secrets, protocol, attach } = spec;
  if (attach !== undefined && secrets?.includes(attach) !== true) {
    return { field: 'attach', message: 'only one of the `secrets` of the rule can be attached' };
  }
  const given = (['methods', 'paths', 'secrets'] as const).find((field) => spec[field] !== undefined);
  if (given === undefined) return undefined;
  if ([methods, paths, secrets].some((list) => list?.length === 0)) {
    return { field: given, message: 'an empty list allows nothing: leave the key out, or name something' };
  }
  if ((spec.effect ?? 'allow') !== 'allow') {
    return { field: given, message: 'only a rule that allows can name methods, paths or secrets' };
  }
  if (protocol === 'tcp') return { field: given, message: 'a tcp tunnel carries no requests to judge' };
  const method = methods?.find((one) => !EGRESS_METHODS.some((known) => known === one));
  if (method !== undefined) {
    return { field: 'methods', message: `methods are among ${EGRESS_METHODS.join(', ')}` };
  }
  const path = paths?.find((one) => parsePathPattern(one) === undefined);
  if (path !== undefined) {
    const message = `${JSON.stringify(path)} is not a path: begin with /, use * for one whole segment and /** at the end`;
    return { field: 'paths', message };
  }
  if (secrets !== undefined && protocol === 'http') {
    return { field: 'secrets', message: 'a secret never goes out in the clear: the rule has to use TLS' };
  }
  return undefined;
}

/**
 * The kernel's rules of these specs, in order and under the same ids.
 *
 * @throws EGRESS_RULE_INVALID naming the rule and the field.
 */
export function compileEgressRules(specs: readonly EgressRuleSpec[]): readonly Rule[] {
  return specs.map((spec) => {
    const problem = egressRuleProblem(spec);
    const host = canonicalRuleHost(spec.host);
    if (problem !== undefined || host === undefined) {
      throw EGRESS_CODES.error(
        'EGRESS_RULE_INVALID',
        `egress rule ${JSON.stringify(spec.id)}: ${problem?.message}`,
        {
          details: { rule: spec.id, field: problem?.field ?? 'host' },
        },
      );
    }
    return {
      id: spec.id,
      kind: 'net.connect',
      effect: spec.effect ?? 'allow',
      match: { host: [host], port: [String(spec.port)] },
      ...(spec.owner === undefined ? {} : { owner: spec.owner }),
      ...(spec.ticket === undefined ? {} : { ticket: spec.ticket }),
      ...(spec.reason === undefined ? {} : { reason: spec.reason }),
      ...(spec.expires === undefined ? {} : { expires: spec.expires }),
    };
  });
}

/** A rule beside what the kernel has no field for: its networks, parsed once. */
export interface CompiledEgressRule {
  readonly spec: EgressRuleSpec;
  readonly host: string;
  readonly networks: readonly Cidr[];
  /** Undefined when the rule does not speak of paths. */
  readonly paths: readonly PathPattern[] | undefined;
}

/** What a rule says about requests and not only about the connection. */
export function judgesRequests({ spec }: CompiledEgressRule): boolean {
  return spec.methods !== undefined || spec.paths !== undefined || spec.secrets !== undefined;
}

/** Finds the rule of a target in constant time however many there are (E2). */
export interface EgressTable {
  /** The first unexpired allow rule, as the kernel would pick it inside the layer. */
  find(target: Target, now: number): CompiledEgressRule | undefined;
  /** All of them, in order. */
  findAll(target: Target, now: number): readonly CompiledEgressRule[];
  /** Whether any rule speaks of requests. */
  readonly judgesRequests: boolean;
}

interface IndexedRule {
  readonly order: number;
  readonly rule: CompiledEgressRule;
}

/** Index the allow rules of these specs: by host, by what follows a wildcard's label, and those for every host. */
export function compileEgressTable(specs: readonly EgressRuleSpec[]): EgressTable {
  const exact = new Map<string, IndexedRule[]>();
  const suffix = new Map<string, IndexedRule[]>();
  const everyHost: IndexedRule[] = [];
  const all: CompiledEgressRule[] = [];
  const add = (index: Map<string, IndexedRule[]>, key: string, entry: IndexedRule) => {
    const list = index.get(key);
    if (list === undefined) index.set(key, [entry]);
    else list.push(entry);
  };
  specs.forEach((spec, order) => {
    const host = canonicalRuleHost(spec.host);
    if (host === undefined || (spec.effect ?? 'allow') !== 'allow') return;
    const networks = (spec.networks ?? []).map(parseNetwork).filter((network) => network !== undefined);
    const paths = spec.paths?.map(parsePathPattern).filter((pattern) => pattern !== undefined);
    const rule = { spec, host, networks, paths };
    all.push(rule);
    const entry = { order, rule };
    if (host === '*') everyHost.push(entry);
    else if (host.startsWith('*.')) add(suffix, host.slice(2), entry);
    else add(exact, host, entry);
  });
  const findAll = ({ host, port, literal }: Target, now: number) => {
    const found: IndexedRule[] = [];
    const gather = (entries: readonly IndexedRule[] | undefined) => {
      for (const entry of entries ?? []) {
        const { expires, port: own } = entry.rule.spec;
        if (own === port && (expires === undefined || expires > now)) found.push(entry);
      }
    };
    gather(exact.get(host));
    gather(everyHost);
    const dot = literal === 0 && suffix.size > 0 ? host.indexOf('.') : -1;
    if (dot > 0) gather(suffix.get(host.slice(dot + 1)));
    if (found.length > 1) found.sort((a, b) => a.order - b.order);
    return found.map(({ rule }) => rule);
  };
  return {
    find: (target, now) => findAll(target, now)[0],
    findAll,
    judgesRequests: all.some(judgesRequests),
  };
}

/** A local name is reached by a rule that spells it, or its suffix, out; never by `*`. */
export function namesLocal(rule: CompiledEgressRule | undefined): boolean {
  return rule !== undefined && rule.host !== '*';
}

/** Whether the rule names the network of an address that is not public (E3). */
export function permitsAddress(
  rule: CompiledEgressRule | undefined,
  target: Target,
  address: string,
): boolean {
  if (rule === undefined) return false;
  if (inNetworks(address, rule.networks)) return true;
  if (rule.host !== target.host) return false;
  if (target.literal !== 0) return canonicalAddress(address) === target.host;
  return target.host === 'localhost' && inNetworks(address, LOOPBACK_NETWORKS);
}

/** What a tunnel under this rule may carry; undefined lets its first byte choose between TLS and HTTP. */
export function protocolOf(rule: CompiledEgressRule | undefined, target: Target): EgressProtocol | undefined {
  return rule?.spec.protocol ?? (target.port === 443 ? 'tls' : undefined);
}
