import { type Static, type TSchema, Type } from 'typebox';
import { BudgetLimitKeys, TurnLimitKeys } from '../../controls/budget/schema.ts';
import { EgressRule } from '../../controls/egress/schema.ts';
import { SandboxLimitKeys } from '../../controls/execution/schema.ts';
import { ACTION_KINDS, type ActionKind } from '../../kernel/index.ts';

const Effect = Type.Union([Type.Literal('allow'), Type.Literal('ask'), Type.Literal('deny')]);
const Words = (most: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), { maxItems: most });
const Why = {
  owner: Type.Optional(Type.String({ maxLength: 200 })),
  ticket: Type.Optional(Type.String({ maxLength: 200 })),
  reason: Type.Optional(Type.String({ maxLength: 1_000 })),
  expires: Type.Optional(Type.String({ maxLength: 40 })),
};

/** One line of `commands`: exactly one of allow, ask, deny and otherwise. */
const Command = Type.Object(
  {
    allow: Type.Optional(Words(500)),
    ask: Type.Optional(Words(500)),
    deny: Type.Optional(Words(500)),
    otherwise: Type.Optional(Type.Union([Type.Literal('ask'), Type.Literal('deny')])),
    ...Why,
  },
  { additionalProperties: false },
);

const Files = Type.Object(
  {
    workspace: Type.Union([Type.Literal('none'), Type.Literal('ro'), Type.Literal('rw')]),
    mounts: Type.Optional(
      Type.Array(
        Type.Object(
          {
            source: Type.String({ minLength: 1, maxLength: 4_096 }),
            target: Type.String({ minLength: 1, maxLength: 1_000 }),
            mode: Type.Optional(Type.Union([Type.Literal('ro'), Type.Literal('rw')], { default: 'ro' })),
          },
          { additionalProperties: false },
        ),
        { maxItems: 32 },
      ),
    ),
    /** Each session works in a folder of its own, which is taken away when nobody used it for so long (X8). */
    ephemeral: Type.Optional(
      Type.Object(
        {
          keepHours: Type.Optional(Type.Integer({ minimum: 1, maximum: 8_760, default: 24 })),
          most: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 20 })),
          megabytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_777_216, default: 20_480 })),
        },
        { additionalProperties: false },
      ),
    ),
    readable: Type.Optional(Words(200)),
    writable: Type.Optional(Words(200)),
    protected: Type.Optional(Words(200)),
    /** Reading these makes a session private. */
    private: Type.Optional(Words(200)),
  },
  { additionalProperties: false },
);

const AskOrDeny = Type.Union([Type.Literal('ask'), Type.Literal('deny')]);

const Left = (exec: TSchema) =>
  Type.Unsafe<Partial<Record<ActionKind, Static<typeof Effect>>>>(
    Type.Object(
      Object.fromEntries(
        ACTION_KINDS.map((kind) => [
          kind,
          Type.Optional(kind === 'exec' || kind === 'secret.use' ? exec : AskOrDeny),
        ]),
      ),
      { additionalProperties: false },
    ),
  );

/** A playbook: the whole authority of one workload, in one file that a person can read (architecture, Authority). */
export const PlaybookSchema = Type.Object(
  {
    playbook: Type.String({ pattern: '^[a-z0-9][a-z0-9_-]{0,63}$' }),
    version: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    owner: Type.String({ minLength: 1, maxLength: 200 }),
    review: Type.String({ minLength: 1, maxLength: 40 }),
    purpose: Type.String({ minLength: 1, maxLength: 2_000 }),
    prompt: Type.Optional(Type.String({ maxLength: 100_000 })),
    tools: Type.Object(
      { allow: Type.Optional(Words(500)), ask: Type.Optional(Words(500)), deny: Type.Optional(Words(500)) },
      { additionalProperties: false },
    ),
    commands: Type.Optional(Type.Array(Command, { maxItems: 1_000 })),
    files: Files,
    egress: Type.Optional(Type.Array(EgressRule, { maxItems: 10_000 })),
    inheritNetworkPolicy: Type.Optional(Type.Boolean()),
    /** A destination that no rule names becomes one question to the operator, instead of only a refusal (E8). */
    askForEgress: Type.Optional(Type.Boolean()),
    secrets: Type.Optional(Words(100)),
    messages: Type.Optional(Type.Object({ send: Effect }, { additionalProperties: false })),
    /** Two different people must allow what this workload asks. */
    approvals: Type.Optional(
      Type.Object(
        { people: Type.Union([Type.Literal(1), Type.Literal(2)]) },
        { additionalProperties: false },
      ),
    ),
    sandbox: Type.Optional(
      Type.Object(
        {
          scope: Type.Optional(
            Type.Union([Type.Literal('session'), Type.Literal('agent'), Type.Literal('shared')]),
          ),
          programs: Type.Optional(Words(1_000)),
          ...SandboxLimitKeys,
        },
        { additionalProperties: false },
      ),
    ),
    turn: Type.Optional(TurnLimitKeys),
    /** What every agent with this playbook may use, each for itself (B1). */
    budget: Type.Optional(BudgetLimitKeys),
    /**
     * `exec: allow`: commands that the playbook allows go on; a session that is private as well asks all the same.
     * `secret.use: allow`: so do secrets, where everything that is read comes from strangers and rules bound what for.
     */
    untrusted: Type.Optional(Left(Effect)),
    private: Type.Optional(Left(AskOrDeny)),
  },
  { additionalProperties: false, title: 'Gatehouse playbook' },
);

export type Playbook = Static<typeof PlaybookSchema>;
