import { Type } from 'typebox';
import { BudgetLimitKeys, TurnLimitKeys } from '../controls/budget/schema.ts';
import { AgentSandbox, ToolListKeys } from '../controls/execution/schema.ts';
import { SecretInput } from '../controls/secrets/schema.ts';

/** The form of an agent's name, which is also part of session keys and of paths. */
const AGENT_ID_PATTERN = '^[a-z0-9][a-z0-9_-]{0,63}$';

const ModelName = Type.String({
  pattern: '^[a-z0-9][a-z0-9_-]{0,63}/[^\\s]{1,200}$',
  description: '`provider/model`.',
});

const ModelChoice = Type.Union([
  ModelName,
  Type.Object(
    { primary: ModelName, fallbacks: Type.Optional(Type.Array(ModelName, { maxItems: 16 })) },
    { additionalProperties: false },
  ),
]);

const agentKeys = {
  model: Type.Optional(ModelChoice),
  systemPrompt: Type.Optional(
    Type.String({ maxLength: 100_000, description: "Added to the playbook's own prompt." }),
  ),
  playbook: Type.Optional(Type.String({ pattern: AGENT_ID_PATTERN, default: 'default' })),
  sandbox: Type.Optional(AgentSandbox),
  tools: Type.Optional(Type.Object(ToolListKeys, { additionalProperties: false })),
  turn: Type.Optional(TurnLimitKeys),
  budget: Type.Optional(BudgetLimitKeys),
  timeoutSeconds: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 86_400, description: "OpenClaw's name of turn.seconds." }),
  ),
};

const entryKeys = {
  ...agentKeys,
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  default: Type.Optional(Type.Boolean()),
  workspace: Type.Optional(
    Type.String({ minLength: 1, maxLength: 4_096, description: 'Absolute, or `~/...`; only this agent.' }),
  ),
};

/** `agents`: who works here. `entries` is a map by id, `list` the older form with an `id` in each element. */
export const AgentsSection = Type.Object(
  {
    defaults: Type.Optional(Type.Object(agentKeys, { additionalProperties: false })),
    entries: Type.Optional(
      Type.Record(
        Type.String({ pattern: AGENT_ID_PATTERN }),
        Type.Object(entryKeys, { additionalProperties: false }),
        { additionalProperties: false, maxProperties: 256 },
      ),
    ),
    list: Type.Optional(
      Type.Array(
        Type.Object(
          { id: Type.String({ pattern: AGENT_ID_PATTERN }), ...entryKeys },
          { additionalProperties: false },
        ),
        { maxItems: 256 },
      ),
    ),
  },
  { additionalProperties: false, description: 'Who works here.' },
);

/** `session`: how conversations are kept apart (S5). */
export const SessionSection = Type.Object(
  {
    scope: Type.Optional(Type.Literal('per-sender')),
    dmScope: Type.Optional(
      Type.Union([Type.Literal('per-channel-peer'), Type.Literal('per-account-channel-peer')], {
        default: 'per-channel-peer',
      }),
    ),
  },
  { additionalProperties: false, description: 'How conversations are kept apart.' },
);

const ModelEntry = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 200 }),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    contextTokens: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 10_000_000 })),
    contextWindow: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 10_000_000 })),
  },
  { additionalProperties: false },
);

/** `models.providers`: where prompts may go. Each entry opens exactly its own address, for the gateway only. */
export const ModelsSection = Type.Object(
  {
    providers: Type.Optional(
      Type.Record(
        Type.String({ pattern: AGENT_ID_PATTERN }),
        Type.Object(
          {
            api: Type.Optional(
              Type.Union([Type.Literal('openai-completions'), Type.Literal('anthropic-messages')], {
                default: 'openai-completions',
              }),
            ),
            baseUrl: Type.String({ minLength: 1, maxLength: 2_000 }),
            apiKey: Type.Optional(SecretInput),
            networks: Type.Optional(
              Type.Array(Type.String({ maxLength: 64 }), {
                maxItems: 16,
                description: 'CIDR blocks that are not public and that the host may lead to.',
              }),
            ),
            models: Type.Optional(Type.Array(ModelEntry, { maxItems: 1_000 })),
          },
          { additionalProperties: false },
        ),
        { additionalProperties: false, maxProperties: 64 },
      ),
    ),
  },
  { additionalProperties: false, description: 'Where prompts may go.' },
);
