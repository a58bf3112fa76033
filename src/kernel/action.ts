/**
 * What is about to happen, as data. Every side effect in Gatehouse is described by one of these before it
 * happens; an effect that cannot be described cannot be decided, and is therefore refused.
 */
export type Action =
  /** A message reaches an agent. */
  | {
      readonly kind: 'message.receive';
      readonly channel: string;
      readonly sender: string;
      readonly agent: string;
      /** Stable id of the group it was written in; `direct` when it was written to the agent alone. */
      readonly chat: string;
    }
  /** Text leaves towards a person on a channel. */
  | { readonly kind: 'message.send'; readonly channel: string; readonly recipient: string }
  /** A principal starts or continues work of an agent. */
  | { readonly kind: 'agent.run'; readonly agent: string }
  /** A prompt goes to a model; `model` is `provider/name`. */
  | { readonly kind: 'model.call'; readonly model: string }
  /** A model asks for a tool by name. */
  | { readonly kind: 'tool.call'; readonly tool: string }
  /**
   * One simple command in a sandbox. `command` is the canonical argv joined by single spaces; `program` its
   * base name. `unclear` is set when the shell parser met anything it does not fully understand.
   */
  | { readonly kind: 'exec'; readonly program: string; readonly command: string; readonly unclear: boolean }
  /** Absolute, normalised path inside the sandbox. */
  | { readonly kind: 'file.read'; readonly path: string }
  | { readonly kind: 'file.write'; readonly path: string }
  /** `host` is canonical: lower case, no trailing dot, A-label. Ports are decimal strings. */
  | { readonly kind: 'net.connect'; readonly host: string; readonly port: string }
  | { readonly kind: 'secret.use'; readonly secret: string; readonly host: string }
  | { readonly kind: 'memory.write'; readonly entry: string }
  | { readonly kind: 'config.change'; readonly path: string }
  /** A port that others than this machine can reach is opened; `plane` says for what. */
  | { readonly kind: 'listen.open'; readonly plane: string; readonly address: string }
  /** Someone calls an operation that requires `scope`. */
  | { readonly kind: 'operation.call'; readonly operation: string; readonly scope: string };

export type ActionKind = Action['kind'];

/** How a rule's pattern is compared with an attribute. Nothing here is a regular expression (attack 93). */
export type MatcherName = 'exact' | 'host' | 'path' | 'command';

/** The attribute that indexes each kind's rules, and how every matchable attribute compares. */
export const ATTRIBUTES = {
  'message.receive': {
    key: 'sender',
    match: { channel: 'exact', sender: 'exact', agent: 'exact', chat: 'exact' },
  },
  'message.send': { key: 'recipient', match: { channel: 'exact', recipient: 'exact' } },
  'agent.run': { key: 'agent', match: { agent: 'exact' } },
  'model.call': { key: 'model', match: { model: 'exact' } },
  'tool.call': { key: 'tool', match: { tool: 'exact' } },
  exec: { key: 'program', match: { program: 'exact', command: 'command' } },
  'file.read': { key: 'path', match: { path: 'path' } },
  'file.write': { key: 'path', match: { path: 'path' } },
  'net.connect': { key: 'host', match: { host: 'host', port: 'exact' } },
  'secret.use': { key: 'secret', match: { secret: 'exact', host: 'host' } },
  'memory.write': { key: 'entry', match: { entry: 'exact' } },
  'config.change': { key: 'path', match: { path: 'path' } },
  'listen.open': { key: 'address', match: { plane: 'exact', address: 'exact' } },
  'operation.call': { key: 'operation', match: { operation: 'exact', scope: 'exact' } },
} as const satisfies Record<ActionKind, { key: string; match: Readonly<Record<string, MatcherName>> }>;

export const ACTION_KINDS = Object.keys(ATTRIBUTES) as readonly ActionKind[];

/**
 * Who causes an action. Filled from the transport the request came through, never from what the peer says.
 */
export interface Subject {
  readonly principal: string;
  /** What proved the principal; when that ends, so does everything that it started (A4). */
  readonly credential?: string;
  readonly agent?: string;
  readonly session?: string;
  readonly run?: string;
  readonly tool?: string;
  readonly channel?: string;
  readonly sender?: string;
}
