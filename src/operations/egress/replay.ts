import { Type } from 'typebox';
import type { EffectiveConfig } from '../../configuration/types.ts';
import { decide } from '../../kernel/index.ts';
import { IssueSchema } from '../config/schema.ts';
import { defineOperation } from '../define.ts';
import { instant, strict } from '../schema.ts';

const MONTH_MS = 30 * 86_400_000;
const MAX_DESTINATIONS = 100_000;
const MAX_POLICY_CHARS = 4_194_304;

const Change = strict({
  agent: Type.String(),
  host: Type.String(),
  port: Type.Integer(),
  connections: Type.Number({ description: 'How often it was asked for.' }),
  bytes: Type.Number(),
  before: Type.String({ description: 'What is decided today.' }),
  after: Type.String({ description: 'What the candidate decides.' }),
  rule: Type.String({ description: 'The rule that would decide.' }),
});

function verdict(config: EffectiveConfig, agent: string, host: string, port: number, at: number) {
  const authority = config.agents.get(agent)?.authority;
  if (authority === undefined) return undefined;
  return decide(
    authority,
    { principal: 'replay', agent },
    { kind: 'net.connect', host, port: String(port) },
    at,
  );
}

export const egressReplay = defineOperation({
  id: 'egress.replay',
  summary:
    'Play recorded traffic against a candidate policy: what would newly be refused, and newly be allowed',
  description:
    'Nothing is connected and nothing is changed. Decisions are by host and port, as egress makes them first.',
  input: strict({
    text: Type.String({
      description: 'Text of the candidate policy/egress.yaml; on the command line --policy FILE.',
      minLength: 1,
      maxLength: MAX_POLICY_CHARS,
    }),
    since: Type.Optional(instant('Traffic from this time on; 30 days when absent.')),
  }),
  output: strict({
    ok: Type.Boolean({ description: 'false: the candidate cannot be used.' }),
    issues: Type.Array(IssueSchema),
    destinations: Type.Integer({ description: 'Different destinations that were played.' }),
    refused: Type.Array(Change, { description: 'Newly refused.' }),
    allowed: Type.Array(Change, { description: 'Newly allowed.' }),
  }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: {
    command: 'egress replay',
    files: { policy: 'text' },
    examples: [
      'gatehouse egress replay --policy candidate.yaml',
      'gatehouse egress replay --policy - --since 90d',
    ],
    offline: true,
  },
  async run({ services }, { text, since }) {
    const { config, traffic, clock } = services;
    const tried = await config.tryEgressPolicy(text);
    const none = { destinations: 0, refused: [], allowed: [] };
    if (tried.effective === undefined) return { ok: false, issues: tried.issues, ...none };
    const asked = await traffic.asked({ since: since ?? clock.now() - MONTH_MS }, MAX_DESTINATIONS);
    const [today, candidate] = [config.current(), tried.effective];
    const at = clock.now();
    const changes = asked.flatMap(({ agent, host, port, allowed, refused, bytes }) => {
      const [now, then] = [verdict(today, agent, host, port, at), verdict(candidate, agent, host, port, at)];
      if (now === undefined || then === undefined || now.effect === then.effect) return [];
      const facts = { agent, host, port, connections: allowed + refused, bytes };
      return [{ ...facts, before: now.effect, after: then.effect, rule: then.rule }];
    });
    return {
      ok: true,
      issues: tried.issues,
      destinations: asked.length,
      refused: changes.filter(({ after }) => after !== 'allow'),
      allowed: changes.filter(({ after }) => after === 'allow'),
    };
  },
});
