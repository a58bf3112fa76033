import { Type } from 'typebox';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { ForMs, GRANT_ERRORS, GrantNote, GrantSchema, OpensSchema } from '../grant/schema.ts';
import { opens, requestOf, settled } from '../grant/widen.ts';
import { AgentId, strict } from '../schema.ts';

const MAX_DESTINATION_CHARS = 260;
const DEFAULT_PORT = '443';

/** `host` or `host:port`; an IPv6 address stands in brackets. */
function destination(text: string): { readonly host: string; readonly port: string } {
  const match = /^(\[[^\]]+\]|[^:/\s]+)(?::([0-9]+))?$/.exec(text);
  if (match?.[1] !== undefined) return { host: match[1], port: match[2] ?? DEFAULT_PORT };
  throw OP_CODES.error('OP_INPUT_INVALID', `${JSON.stringify(text)} is not HOST or HOST:PORT`, {
    fix: 'Write the host alone, without https:// and without a path: api.example.org or api.example.org:8443.',
    details: { issues: [{ path: 'destination', problem: 'not HOST or HOST:PORT' }] },
  });
}

export const egressAllow = defineOperation({
  id: 'egress.allow',
  summary: 'Open exactly one host and port for one agent, for a time; its connections end with it',
  description:
    'A grant of net.connect: recorded first, open at once, listed by `gatehouse grant list`. Only public addresses; ' +
    'a name in a private network takes a rule with its networks in policy/egress.yaml.',
  input: strict({
    destination: Type.String({
      description: 'HOST or HOST:PORT; port 443 when absent.',
      minLength: 1,
      maxLength: MAX_DESTINATION_CHARS,
    }),
    forMs: ForMs,
    agent: Type.Optional(AgentId),
    ...GrantNote,
  }),
  output: strict({ grant: GrantSchema, opens: OpensSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [...GRANT_ERRORS],
  cli: {
    command: 'egress allow',
    positional: ['destination'],
    examples: [
      'gatehouse egress allow api.example.org --for 2h --ticket OPS-7 --reason "one import" --agent dev',
    ],
    offline: true,
  },
  async run(context, { destination: text, forMs, ...fields }) {
    const { host, port } = destination(text);
    const wanted = { ...fields, kind: 'net.connect', match: { host: [host], port: [port] } } as const;
    const grant = await context.services.grants.add(
      requestOf(context, wanted, forMs),
      context.caller.principal.id,
    );
    await settled(context);
    return { grant, opens: opens(context, grant) };
  },
});
