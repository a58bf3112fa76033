import { ACTION_KINDS, type Action, type ActionKind, type Subject } from './action.ts';
import { type Authority, type Effect, judge } from './authority.ts';

/** Codes a decision can carry, listed once. `none`: no rule; `denied`: a rule says so; `ask`: a person must. */
export const DECISION_CODES = {
  'message.receive': {
    none: 'SENDERS_NOT_ALLOWED',
    denied: 'SENDERS_DENIED',
    ask: 'SENDERS_PAIRING_REQUIRED',
  },
  'message.send': { none: 'MESSAGE_RECIPIENT_NOT_ALLOWED', denied: 'MESSAGE_DENIED', ask: 'MESSAGE_ASK' },
  'agent.run': { none: 'AUTH_AGENT_NOT_ALLOWED', denied: 'AUTH_AGENT_DENIED', ask: 'AUTH_AGENT_ASK' },
  'model.call': { none: 'MODEL_NOT_ALLOWED', denied: 'MODEL_DENIED', ask: 'MODEL_ASK' },
  'tool.call': { none: 'TOOL_NOT_ALLOWED', denied: 'TOOL_DENIED', ask: 'TOOL_ASK' },
  exec: { none: 'EXEC_COMMAND_NOT_ALLOWED', denied: 'EXEC_COMMAND_DENIED', ask: 'EXEC_COMMAND_ASK' },
  'file.read': { none: 'FILE_READ_NOT_ALLOWED', denied: 'FILE_READ_DENIED', ask: 'FILE_READ_ASK' },
  'file.write': { none: 'FILE_WRITE_NOT_ALLOWED', denied: 'FILE_WRITE_DENIED', ask: 'FILE_WRITE_ASK' },
  'net.connect': { none: 'EGRESS_HOST_NOT_ALLOWED', denied: 'EGRESS_HOST_DENIED', ask: 'EGRESS_HOST_ASK' },
  'secret.use': { none: 'SECRET_NOT_ALLOWED', denied: 'SECRET_DENIED', ask: 'SECRET_ASK' },
  'memory.write': {
    none: 'MEMORY_WRITE_NOT_ALLOWED',
    denied: 'MEMORY_WRITE_DENIED',
    ask: 'MEMORY_WRITE_ASK',
  },
  'config.change': {
    none: 'CONFIG_CHANGE_NOT_ALLOWED',
    denied: 'CONFIG_CHANGE_DENIED',
    ask: 'CONFIG_CHANGE_ASK',
  },
  'listen.open': {
    none: 'LISTEN_ADDRESS_NOT_GRANTED',
    denied: 'LISTEN_ADDRESS_DENIED',
    ask: 'LISTEN_ADDRESS_ASK',
  },
  'operation.call': {
    none: 'AUTH_SCOPE_MISSING',
    denied: 'AUTH_OPERATION_DENIED',
    ask: 'AUTH_OPERATION_ASK',
  },
} as const satisfies Record<ActionKind, { none: string; denied: string; ask: string }>;

/** Codes that do not depend on the kind. */
export const DECISION_ALLOWED = 'DECISION_ALLOWED';
export const DECISION_NO_AUTHORITY = 'DECISION_NO_AUTHORITY';
export const DECISION_UNKNOWN_ACTION = 'DECISION_UNKNOWN_ACTION';

export interface Decision {
  readonly effect: Effect;
  readonly code: string;
  /** `layer/rule` or `layer/grant:id`; `layer/(none)` when the layer has no rule for it. */
  readonly rule: string;
  /** One line that may be shown to the model and the operator. */
  readonly reason: string;
  readonly authorityHash: string;
}

const SEVERITY: Readonly<Record<Effect, number>> = { allow: 0, ask: 1, deny: 2 };

function denial(code: string, reason: string, authority: Authority): Decision {
  return { effect: 'deny', code, rule: '(none)', reason, authorityHash: authority.hash };
}

/**
 * The one decision function. Pure: the same inputs always give the same answer. Each layer answers on its own
 * and the strictest answer stands; the absence of a rule, a layer, or a known kind of action is a denial.
 *
 * @param now Unix milliseconds, for rules and grants that expire.
 */
export function decide(authority: Authority, subject: Subject, action: Action, now: number): Decision {
  if (!ACTION_KINDS.includes(action.kind)) {
    return denial(DECISION_UNKNOWN_ACTION, 'this kind of action is unknown, so it is refused', authority);
  }
  if (authority.layers.length === 0) {
    return denial(DECISION_NO_AUTHORITY, 'no authority was given for this action', authority);
  }
  const codes = DECISION_CODES[action.kind];
  let strictest: Decision | undefined;
  for (const layer of authority.layers) {
    const { effect, rule, grant } = judge(layer, subject, action, now);
    const name = rule?.id ?? (grant === undefined ? '(none)' : `grant:${grant.id}`);
    const code =
      effect === 'allow'
        ? DECISION_ALLOWED
        : effect === 'ask'
          ? codes.ask
          : rule === undefined
            ? codes.none
            : codes.denied;
    const reason =
      rule?.reason ??
      grant?.reason ??
      (effect === 'deny' ? `no rule of ${layer.id} allows ${action.kind}` : `${layer.id} says ${effect}`);
    const decision = { effect, code, rule: `${layer.id}/${name}`, reason, authorityHash: authority.hash };
    if (strictest === undefined || stricter(decision, strictest)) strictest = decision;
  }
  return strictest ?? denial(DECISION_NO_AUTHORITY, 'no authority was given for this action', authority);
}

/** Among equals the playbook's own words are the most useful to the reader, then order is by rule name. */
function stricter(a: Decision, b: Decision): boolean {
  const difference = SEVERITY[a.effect] - SEVERITY[b.effect];
  if (difference !== 0) return difference > 0;
  const explained = Number(!a.rule.endsWith('(none)')) - Number(!b.rule.endsWith('(none)'));
  if (explained !== 0) return explained > 0;
  const playbook = Number(a.rule.startsWith('playbook:')) - Number(b.rule.startsWith('playbook:'));
  if (playbook !== 0) return playbook > 0;
  return a.rule < b.rule;
}

/** Several actions that happen together or not at all: the strictest decision stands; none at all is a denial. */
export function decideAll(
  authority: Authority,
  subject: Subject,
  actions: readonly Action[],
  now: number,
): Decision {
  let strictest: Decision | undefined;
  for (const action of actions) {
    const decision = decide(authority, subject, action, now);
    if (strictest === undefined || SEVERITY[decision.effect] > SEVERITY[strictest.effect])
      strictest = decision;
  }
  return (
    strictest ?? denial(DECISION_UNKNOWN_ACTION, 'nothing was asked for, so nothing is allowed', authority)
  );
}
