import { spawn } from 'node:child_process';
import type { EgressLimits, EgressRuleSpec, MailDestination } from '../../controls/egress/index.ts';
import type { GrantPolicy } from '../../controls/grants/index.ts';
import type { RunSecretBinding, SecretBinding } from '../../controls/secrets/index.ts';
import type { ExportDestination } from '../../controls/trace/types.ts';
import {
  type ActionKind,
  type Authority,
  authorityOf,
  type CompiledLayer,
  GatehouseError,
  type Grant,
  type Layer,
  type Rule,
} from '../../kernel/index.ts';
import { gatewayEnvironment } from '../environment.ts';
import type { Program } from '../program.ts';
import { EGRESS_PROCESS_CODES } from './codes.ts';

/** What egress needs of the effective configuration, whoever loads it. */
export interface EgressInputs {
  /** Hash of the effective configuration. */
  readonly hash: string;
  readonly agents: ReadonlyMap<
    string,
    {
      readonly authority: Authority;
      readonly rules: readonly EgressRuleSpec[];
      /** What the install's own rules say about requests, for every agent. */
      readonly bounds: readonly EgressRuleSpec[];
    }
  >;
  /** One rule `provider:<id>` per provider, for the gateway's own calls only. */
  readonly providerRules: readonly EgressRuleSpec[];
  readonly secrets: readonly SecretBinding[];
  /** What connections may use at most (E9). */
  readonly limits: EgressLimits;
  readonly runSecrets: readonly RunSecretBinding[];
  /** Where alerts may be sent by mail. */
  readonly mail: readonly MailDestination[];
  /** What commands may grant (D7). */
  readonly grantPolicy: GrantPolicy;
  /** Where the ledger is delivered to, and one rule `telemetry:<name>` for each place in the network (T2). */
  readonly exports: readonly ExportDestination[];
  readonly telemetryRules: readonly EgressRuleSpec[];
  /** Ports that the gateway listens on. */
  readonly ownPorts: readonly number[];
}

/** Milliseconds for reading the configuration, and bytes of what comes of it. */
const LOAD_MS = 30_000;
const MAX_INPUTS = 64 * 1024 ** 2;

interface WrittenLayer extends Layer {
  readonly hash: string;
  readonly grants: readonly Grant[];
}

interface WrittenInputs extends Omit<EgressInputs, 'agents'> {
  readonly agents: readonly {
    readonly agent: string;
    readonly hash: string;
    readonly layers: readonly WrittenLayer[];
    readonly rules: readonly EgressRuleSpec[];
    readonly bounds: readonly EgressRuleSpec[];
  }[];
}

/** What egress decides. */
const KINDS: readonly ActionKind[] = ['net.connect', 'secret.use'];

/** What a layer says about connections and secrets, in its order; the rest of it is not egress's business. */
function writeLayer(layer: CompiledLayer): WrittenLayer {
  const rules = new Map<number, Rule>();
  for (const kind of KINDS) {
    const index = layer.index.get(kind);
    const lists = index === undefined ? [] : [...index.exact.values(), ...index.suffix.values(), index.rest];
    for (const list of lists) for (const { order, rule } of list) rules.set(order, rule);
  }
  return {
    id: layer.id,
    hash: layer.hash,
    rules: [...rules].sort(([a], [b]) => a - b).map(([, rule]) => rule),
    grants: layer.grants.filter((grant) => KINDS.includes(grant.kind)),
  };
}

/** One line of JSON, for the pipe between the two processes. */
export function writeInputs(inputs: EgressInputs): string {
  const agents = [...inputs.agents].map(([agent, { authority, rules, bounds }]) => ({
    agent,
    hash: authority.hash,
    layers: authority.layers.map(writeLayer),
    rules,
    bounds,
  }));
  return JSON.stringify({ ...inputs, agents } satisfies WrittenInputs);
}

/** The same authority, under the same hash, as far as connections are concerned. */
export function readInputs(text: string): EgressInputs {
  const written = JSON.parse(text) as WrittenInputs;
  const agents = new Map(
    written.agents.map(({ agent, hash, layers, rules, bounds }) => {
      const compiled = layers.flatMap((layer) =>
        authorityOf({ id: layer.id, rules: layer.rules, grants: layer.grants }).layers.map((one) => ({
          ...one,
          hash: layer.hash,
        })),
      );
      return [agent, { authority: { layers: compiled, hash }, rules, bounds }] as const;
    }),
  );
  return { ...written, agents };
}

/**
 * Read the configuration in a short-lived process: schema, YAML and JSON5 would cost this one 20 MB for the rest
 * of its life. The child gets the gateway's clean environment; secrets are resolved here alone.
 *
 * @throws CONFIG_INVALID and the like as the child reports them, EGRESS_INPUTS_FAILED
 */
export function loadInputs(
  program: Program,
  env: Readonly<Record<string, string | undefined>>,
): Promise<EgressInputs> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program.entry, '__process', 'egress', 'inputs'], {
      env: gatewayEnvironment(env),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => child.kill('SIGKILL'), LOAD_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_INPUTS) child.kill('SIGKILL');
      else chunks.push(chunk);
    });
    child.once('error', (cause) =>
      reject(EGRESS_PROCESS_CODES.error('EGRESS_INPUTS_FAILED', undefined, { cause })),
    );
    child.once('close', (code) => {
      clearTimeout(timer);
      try {
        const text = Buffer.concat(chunks).toString('utf8');
        if (code !== 0) throw failureOfChild(text);
        resolve(readInputs(text));
      } catch (thrown) {
        const known = thrown instanceof GatehouseError;
        reject(
          known ? thrown : EGRESS_PROCESS_CODES.error('EGRESS_INPUTS_FAILED', undefined, { cause: thrown }),
        );
      }
    });
  });
}

function failureOfChild(text: string): Error {
  const { code, message, fix, status, details } = JSON.parse(text) as Record<string, unknown>;
  if (typeof code !== 'string' || typeof message !== 'string')
    return EGRESS_PROCESS_CODES.error('EGRESS_INPUTS_FAILED');
  return new GatehouseError(code, message, {
    fix: String(fix ?? ''),
    status: Number(status) || 500,
    details: (details ?? {}) as Readonly<Record<string, unknown>>,
  });
}
