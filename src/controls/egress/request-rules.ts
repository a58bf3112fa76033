import { EGRESS_CODES } from './codes.ts';
import type { EgressPolicy } from './passage.ts';
import { codedRefusal } from './record.ts';
import { judgePath, pathMatches } from './request-path.ts';
import { type CompiledEgressRule, judgesRequests } from './rules.ts';
import type { Target } from './types.ts';

/** Rails, Laravel and others read the real method from here. */
const METHOD_PARAMETERS = /[?&](?:_|%5f)(?:m|%6d)ethod=/i;

/** Whether requests to this destination are judged one by one, so that TLS has to end here (E2). */
export function needsRequests(policy: EgressPolicy | undefined, target: Target, now: number): boolean {
  const lists = [policy?.table, policy?.bounds].map((table) => table?.findAll(target, now) ?? []);
  return lists.some((rules) => rules.some(judgesRequests));
}

export interface AllowedRequest {
  /** Id of the first rule that lets it pass; undefined when no rule speaks of this destination (a grant does). */
  readonly rule: string | undefined;
  /** Secrets that some rule lets this very request carry. */
  readonly secrets: ReadonlySet<string>;
  /** The one that a rule has put in, the first that says so. */
  readonly attach: string | undefined;
}

interface Asked {
  readonly method: string;
  readonly path: string;
}

/**
 * Judge one request against every rule of its destination, the playbook's and the install's.
 *
 * @throws EGRESS_PATH_AMBIGUOUS, EGRESS_REQUEST_NOT_ALLOWED
 */
export function judgeRequest(
  policy: Pick<EgressPolicy, 'table' | 'bounds'> | undefined,
  target: Target,
  request: Asked,
  now: number,
): AllowedRequest {
  const own = passing(policy?.table.findAll(target, now) ?? [], target, request);
  passing(policy?.bounds?.findAll(target, now) ?? [], target, request);
  const secrets = new Set(own.flatMap(({ spec }) => spec.secrets ?? []));
  return {
    rule: own[0]?.spec.id,
    secrets,
    attach: own.find(({ spec }) => spec.attach !== undefined)?.spec.attach,
  };
}

/** The rules that let the request pass; all of none when none speaks of the destination. */
function passing(
  rules: readonly CompiledEgressRule[],
  target: Target,
  { method, path }: Asked,
): readonly CompiledEgressRule[] {
  if (!rules.some(judgesRequests)) return rules;
  const segments = rules.some(({ paths }) => paths !== undefined) ? segmentsOf(path, target) : [];
  const passed = rules.filter(
    ({ spec, paths }) =>
      (spec.methods === undefined || spec.methods.includes(method)) &&
      (paths === undefined || paths.some((pattern) => pathMatches(pattern, segments))),
  );
  if (passed.length === 0) throw notAllowed(rules, target, method);
  if (METHOD_PARAMETERS.test(path) && passed.every(({ spec }) => spec.methods !== undefined)) {
    throw EGRESS_CODES.error('EGRESS_HEADER_REFUSED', 'a parameter overrides the method', {
      details: { rule: passed[0]?.spec.id, host: target.host, port: target.port },
    });
  }
  return passed;
}

function segmentsOf(path: string, target: Target): readonly string[] {
  const judged = judgePath(path);
  if (judged.ok) return judged.segments;
  throw codedRefusal(judged.code, target, undefined, judged.message);
}

function notAllowed(rules: readonly CompiledEgressRule[], target: Target, method: string): Error {
  const ids = rules.map(({ spec }) => spec.id);
  return EGRESS_CODES.error(
    'EGRESS_REQUEST_NOT_ALLOWED',
    `${method} on this path of ${target.host} is not allowed by any of: ${ids.slice(0, 5).join(', ')}`,
    { details: { rule: ids[0] ?? '(none)', host: target.host, port: target.port, method } },
  );
}
