import { PROCESS_CODES } from './codes.ts';

/**
 * The port that the environment names, undefined when it names none.
 *
 * @throws GATEWAY_PORT_INVALID
 */
export function namedPort(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const named = env['GATEHOUSE_PORT'];
  if (named === undefined || named === '') return undefined;
  if (!/^\d{1,5}$/.test(named) || Number(named) > 65_535) throw PROCESS_CODES.error('GATEWAY_PORT_INVALID');
  return Number(named);
}
