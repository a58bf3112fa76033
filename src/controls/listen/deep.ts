import {
  type DrillRequest,
  type DrillTarget,
  type Finding,
  hostAndPort,
  type Severity,
} from '../../kernel/index.ts';

/** What a stranger got for one attempt on a live listener, as it came over the wire. */
export interface DeepAnswer {
  /** HTTP status; 0 when the connection ended without an answer. */
  readonly status: number;
  /** Names of headers in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

interface Shape {
  readonly id: string;
  readonly severity: Severity;
  readonly requirements: readonly string[];
  readonly expected: string;
  readonly fix: string;
}

/** One attempt that a stranger could make, and what must not come of it. */
export interface DeepProbe extends Shape {
  /** What is tried, as a title says it. */
  readonly tried: string;
  /** Not tried on listeners where it proves nothing. */
  applies(target: DrillTarget): boolean;
  readonly request: DrillRequest;
  /** Why an answer is a finding; undefined when it is as it should be. */
  wrong(answer: DeepAnswer, version: string): string | undefined;
}

const EVIL = 'https://evil.example';
const REPORT =
  'Stop the listener (gateway.bind: "loopback") and report it: the listener does not refuse what it should.';

const NO_LOGIN: Shape = {
  id: 'DEEP_NO_LOGIN',
  severity: 'critical',
  requirements: ['A2', 'A6'],
  expected: 'a refusal for whoever proves nothing',
  fix: REPORT,
};
const ORIGIN: Shape = {
  id: 'DEEP_ORIGIN',
  severity: 'critical',
  requirements: ['L4'],
  expected: 'a refusal for a page of another origin',
  fix: `${REPORT} Look at gateway.controlUi.allowedOrigins first.`,
};
const HOST: Shape = {
  id: 'DEEP_HOST',
  severity: 'high',
  requirements: ['L4'],
  expected: 'a refusal for a name that is not ours (DNS rebinding)',
  fix: `${REPORT} Look at gateway.allowedHosts first.`,
};
const FORWARDED: Shape = {
  id: 'DEEP_FORWARDED',
  severity: 'high',
  requirements: ['L6'],
  expected: 'a refusal of forwarding headers from whoever is no listed proxy',
  fix: `${REPORT} Look at gateway.trustedProxies first.`,
};
const TOKEN_URL: Shape = {
  id: 'DEEP_TOKEN_IN_URL',
  severity: 'high',
  requirements: ['L4'],
  expected: 'a refusal of credentials in an address',
  fix: REPORT,
};
const TELLS: Shape = {
  id: 'DEEP_TELLS',
  severity: 'low',
  requirements: ['L10'],
  expected: 'nothing about the program for whoever proves nothing',
  fix: 'Report it: versions and names of parts help whoever looks for known holes.',
};

const anywhere = (): boolean => true;
/** Where callers log in; probes answer a status to anybody by design, webhooks are signed deliveries. */
const withLogin = ({ plane }: DrillTarget): boolean => plane === 'users' || plane === 'admin';

function answered({ status }: DeepAnswer): string | undefined {
  return status >= 200 && status < 400 ? `answered with ${status}` : undefined;
}

/** Anything but the listener's own refusal: a 401 or a 404 means that it got past the listener. */
function notRefused({ status }: DeepAnswer): string | undefined {
  return [0, 400, 403, 421, 431].includes(status) ? undefined : `answered with ${status}`;
}

function probe(
  shape: Shape,
  tried: string,
  request: DrillRequest,
  wrong: DeepProbe['wrong'],
  applies: DeepProbe['applies'] = anywhere,
): DeepProbe {
  return { ...shape, tried, request, wrong, applies };
}

const json = [['Content-Type', 'application/json']] as const;
const knock = (path: string, body?: string): DeepProbe =>
  probe(
    NO_LOGIN,
    `${body === undefined ? 'GET' : 'POST'} ${path} without a credential`,
    body === undefined ? { path } : { method: 'POST', path, headers: json, body },
    answered,
    withLogin,
  );
const withHeader = (shape: Shape, name: string, value: string): DeepProbe =>
  probe(shape, `${name}: ${value}`, { path: '/healthz', headers: [[name, value]] }, notRefused);

/** Paths that were left open in other programs; here nothing is behind them. */
const CURIOUS = [
  '/metrics',
  '/debug/pprof/',
  '/.env',
  '/.git/config',
  '/openapi.json',
  '/api/v1/',
  '/status',
  '/config',
];

/** Every attempt, in the order in which a report names it. */
export const DEEP_PROBES: readonly DeepProbe[] = [
  knock('/api/v1/doctor.run', '{}'),
  knock('/api/v1/token.issue', '{"name":"deep","scopes":["operator.admin"]}'),
  knock('/v1/models'),
  knock('/v1/chat/completions', '{"model":"x","messages":[{"role":"user","content":"x"}]}'),
  ...CURIOUS.map((path) =>
    probe(
      NO_LOGIN,
      `GET ${path} without a credential`,
      { path },
      answered,
      ({ plane }) => plane !== 'metrics' || path !== '/metrics',
    ),
  ),
  withHeader(ORIGIN, 'Origin', EVIL),
  withHeader(ORIGIN, 'Origin', 'null'),
  probe(
    ORIGIN,
    `a preflight request of ${EVIL}`,
    {
      method: 'OPTIONS',
      path: '/v1/models',
      headers: [
        ['Origin', EVIL],
        ['Access-Control-Request-Method', 'POST'],
      ],
    },
    ({ headers, status }) =>
      headers.has('access-control-allow-origin')
        ? 'CORS headers for it'
        : answered({ headers, status, body: '' }),
  ),
  withHeader(HOST, 'Host', 'evil.example'),
  withHeader(HOST, 'Host', 'localhost.evil.example'),
  withHeader(FORWARDED, 'X-Forwarded-For', '127.0.0.1'),
  withHeader(FORWARDED, 'Forwarded', 'for=127.0.0.1'),
  withHeader(FORWARDED, 'X-Real-IP', '127.0.0.1'),
  probe(TOKEN_URL, 'a token in the address', { path: '/v1/models?token=gth_x' }, answered),
  probe(TELLS, 'what the first answer says', { path: '/' }, ({ headers, body }, version) => {
    const named = ['server', 'x-powered-by', 'via'].find((name) => headers.has(name));
    if (named !== undefined) return `a header ${named}`;
    return body.includes(version) ? 'the version of the program' : undefined;
  }),
];

/** One listener that was tried, from one address. */
export interface DeepPlace {
  readonly target: DrillTarget;
  readonly from: string;
}

/** An answer that is not as it should be, as a finding. */
export function deepFinding(
  { id, severity, requirements, expected, fix }: Shape,
  tried: string,
  { target, from }: DeepPlace,
  found: string,
): Finding {
  return {
    id,
    severity,
    requirements,
    expected,
    fix,
    found,
    title: `${hostAndPort(target)} (${target.plane}), from ${from}: ${tried}`,
  };
}

const TLS_OLD: Shape = {
  id: 'DEEP_TLS_OLD',
  severity: 'high',
  requirements: ['L7'],
  expected: 'TLS 1.3 only',
  fix: REPORT,
};
const TLS_PLAIN: Shape = { ...TLS_OLD, id: 'DEEP_TLS_PLAIN', expected: 'no answer without TLS' };

export function oldTls(version: string, place: DeepPlace): Finding {
  return deepFinding(
    TLS_OLD,
    `a client that knows nothing newer than ${version}`,
    place,
    `${version} was accepted`,
  );
}

export function plainOnTls(place: DeepPlace): Finding {
  return deepFinding(TLS_PLAIN, 'a request without TLS', place, 'an HTTP answer');
}

export function socketWithoutLogin(place: DeepPlace): Finding {
  return deepFinding(NO_LOGIN, 'a WebSocket that connects without a credential', place, 'hello');
}

export function socketOfAnotherOrigin(place: DeepPlace): Finding {
  return deepFinding(ORIGIN, `a WebSocket of a page of ${EVIL}`, place, 'the upgrade');
}

export const HOSTILE_ORIGIN_HEADER = ['Origin', EVIL] as const;
