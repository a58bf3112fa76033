import { type Static, Type } from 'typebox';
import { MODEL_CODES } from '../codes.ts';

/** Bytes and steps of a script. */
export const MAX_SCRIPT_BYTES = 256 * 1024;
export const MAX_SCRIPT_STEPS = 1_000;

const Step = Type.Object(
  {
    /** Streamed in chunks; `{{last}}` stands for the last tool result. */
    text: Type.Optional(Type.String()),
    toolCalls: Type.Optional(
      Type.Array(
        Type.Object({ name: Type.String(), arguments: Type.Unknown() }, { additionalProperties: false }),
      ),
    ),
    /** A code of the MODEL_ namespace that this step fails with, `times` times before it goes on. */
    error: Type.Optional(Type.String({ pattern: '^MODEL_[A-Z_]+$' })),
    times: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    retryable: Type.Optional(Type.Boolean()),
    usage: Type.Optional(
      Type.Object(
        { inputTokens: Type.Integer({ minimum: 0 }), outputTokens: Type.Integer({ minimum: 0 }) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

const Script = Type.Array(Step, { minItems: 1, maxItems: MAX_SCRIPT_STEPS });

/**
 * One model call of a rehearsal. A script is a list of them in YAML or JSON; the n-th call of a conversation
 * plays the n-th step, and after the last one the script says that it has ended.
 *
 * ```yaml
 * - toolCalls: [{ name: shell, arguments: { command: uname -sr } }]
 * - error: MODEL_OVERLOADED      # fails twice, then goes on with the text
 *   times: 2
 *   text: 'I saw {{last}}'       # {{last}} is the last tool result
 *   usage: { inputTokens: 10, outputTokens: 5 }
 * ```
 */
export type RehearsalStep = Static<typeof Step>;

/** Read a script from YAML or JSON. Throws MODEL_SCRIPT_INVALID with the first place that is wrong. */
export async function parseRehearsalScript(text: string): Promise<readonly RehearsalStep[]> {
  if (Buffer.byteLength(text) > MAX_SCRIPT_BYTES) throw MODEL_CODES.error('MODEL_SCRIPT_INVALID');
  const [{ parse }, { Value }] = await Promise.all([import('yaml'), import('typebox/value')]);
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0, strict: true }) as unknown;
  } catch (cause) {
    throw MODEL_CODES.error('MODEL_SCRIPT_INVALID', 'the rehearsal script is not YAML', { cause });
  }
  if (Value.Check(Script, value)) return value;
  const first = Value.Errors(Script, value)[0];
  throw MODEL_CODES.error(
    'MODEL_SCRIPT_INVALID',
    `the rehearsal script is not valid at ${first?.instancePath || '/'}: ${first?.message ?? 'wrong form'}`,
  );
}
