import { isIP } from 'node:net';
import { authorityOf, type Rehearsal } from '../../kernel/index.ts';
import { EGRESS_CODES } from './codes.ts';
import type { Gate } from './gate.ts';
import type { EgressPolicy } from './passage.ts';
import { compileEgressRules, compileEgressTable } from './rules.ts';
import type { EgressRuleSpec } from './types.ts';

/** Ports of a drill: one for tunnels, one for requests in the clear. */
const PORTS = [443, 80] as const;
const MAX_ANSWERS = 8;
const MAX_ADDRESSES = 8;

/**
 * Gate and policy of a drill: the live checks with made-up answers, for a host that cannot exist. What they admit is
 * never dialled, so a gateway that was taken over gains nothing by asking for one.
 *
 * @throws EGRESS_REQUEST_MALFORMED
 */
export function rehearse(
  gate: Gate,
  { host, answers }: Rehearsal,
): { readonly gate: Gate; readonly policy: EgressPolicy } {
  const addresses = answers.flat();
  const fits =
    /^[a-z0-9]{1,40}\.drill\.invalid$/.test(host) &&
    answers.length > 0 &&
    answers.length <= MAX_ANSWERS &&
    answers.every((answer) => answer.length > 0 && answer.length <= MAX_ADDRESSES) &&
    addresses.every((address) => isIP(address) !== 0);
  if (!fits) throw EGRESS_CODES.error('EGRESS_REQUEST_MALFORMED', 'this is no rehearsal');
  const specs = PORTS.map(
    (port): EgressRuleSpec => ({
      id: `drill:${port}`,
      host,
      port,
      class: 'other',
      protocol: port === 443 ? 'tls' : 'http',
      owner: 'gatehouse drills',
      reason: 'a drill; never dialled',
    }),
  );
  const authority = authorityOf({ id: 'drill', rules: compileEgressRules(specs) });
  let asked = 0;
  const resolver = {
    async resolve() {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
      asked += 1;
      return answer.map((address) => ({
        address,
        family: isIP(address) === 6 ? (6 as const) : (4 as const),
      }));
    },
  };
  return { gate: gate.rehearsal(resolver), policy: { authority, table: compileEgressTable(specs) } };
}
