import { decide } from '../../kernel/index.ts';
import { MODEL_CODES } from '../codes.ts';
import type { AgentPolicy, ModelProvider } from '../types.ts';
import type { TurnPorts } from './ports.ts';
import type { Turn } from './turn.ts';

export interface ModelChoice {
  /** `provider/model`. */
  readonly ref: string;
  readonly provider: ModelProvider;
  readonly model: string;
  /** Undefined when the provider does not say. */
  readonly contextTokens: number | undefined;
}

/** The models of a turn, first choice first: the caller's or the session's, then the agent's. */
export function modelOrder(policy: AgentPolicy, preferred: string | undefined): readonly string[] {
  if (preferred === undefined) return policy.models;
  return [preferred, ...policy.models.filter((ref) => ref !== preferred)];
}

/** The model a turn uses now. Throws MODEL_UNKNOWN, or the code of the rule that refuses it. */
export function currentModel(ports: TurnPorts, turn: Turn): ModelChoice {
  const ref = modelOrder(turn.id.policy, turn.preferredModel)[turn.model];
  if (ref === undefined) throw MODEL_CODES.error('MODEL_UNKNOWN', 'this agent has no model');
  const slash = ref.indexOf('/');
  const provider = ports.providers.find((item) => item.id === ref.slice(0, slash));
  if (provider === undefined) throw MODEL_CODES.error('MODEL_UNKNOWN');
  const model = ref.slice(slash + 1);
  const known = provider.models().find((item) => item.id === model);
  return { ref, provider, model, contextTokens: known?.contextTokens };
}

/** A prompt leaves for a model only when the agent's, the principal's and the session's limits agree. */
export function refusedModel(ports: TurnPorts, turn: Turn, choice: ModelChoice) {
  const action = { kind: 'model.call', model: choice.ref } as const;
  const decision = decide(turn.authority(), turn.subject, action, ports.clock.now());
  if (decision.effect === 'allow') return undefined;
  void turn.record({
    type: 'decision',
    action: 'model.call',
    outcome: decision.effect,
    code: decision.code,
    rule: decision.rule,
    authorityHash: decision.authorityHash,
    data: { model: choice.ref },
  });
  return decision;
}
