import { type Drill, SetupFailed } from '../../../kernel/index.ts';
import { type AuthRange, call, connect, mustWork, refusalOf, request, tried } from './client.ts';

/** What a token that only reads is refused with, and by. */
const READ_ONLY = ['operator.read'] as const;
const CHANGE = 'config.reload';

const fixed = {
  codes: ['AUTH_SCOPE_MISSING'],
  rule: 'the scopes of the token',
  event: 'operation.call',
  alert: { rule: 'auth.denied-spike' },
} as const;

export const RIGHTS_DRILLS: readonly Drill<AuthRange>[] = [
  {
    ...fixed,
    id: 'auth.missing-scope',
    title: 'an operation that needs a scope which the token lacks',
    requirements: ['A2', 'A9'],
    attacks: [],
    async run(range) {
      const mark = range.mark();
      const token = await range.token(mark, { scopes: READ_ONLY });
      await mustWork(range, mark, token);
      const again = async () => refusalOf(await call(range, mark, token.text, CHANGE));
      return [
        await tried(range, `${CHANGE} over HTTP with a token that may only read`, mark, again, [token.id]),
      ];
    },
  },
  {
    ...fixed,
    id: 'auth.self-declared-scopes',
    title: 'a client that says of itself that it is an administrator',
    requirements: ['A2'],
    attacks: [80],
    async run(range) {
      const mark = range.mark();
      const token = await range.token(mark, { scopes: READ_ONLY });
      const params = {
        role: 'operator',
        scopes: ['operator.admin', 'operator.read'],
        auth: { token: token.text },
      };
      const { socket, refusal } = await connect(range, mark, () => params);
      try {
        if (refusal !== undefined) throw new SetupFailed(`the WebSocket did not open: ${refusal.code}`);
        // One connection answers in order: a batch would mix the answers up.
        let last = Promise.resolve<Awaited<ReturnType<typeof request>>>(undefined);
        const again = () => (last = last.then(() => request(socket, `gatehouse.${CHANGE}`, {})));
        const what = `connect with scopes ["operator.admin"] and a token that may only read, then ${CHANGE}`;
        return [await tried(range, what, mark, again, [token.id])];
      } finally {
        socket.close();
      }
    },
  },
];
