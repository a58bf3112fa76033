const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;
const DAY_MS = 86_400_000;

/**
 * Unix milliseconds of an ISO 8601 date or time; a date alone counts until its end in UTC. Undefined for anything
 * else, times without a zone included: whose midnight it is must not depend on the machine.
 */
export function parseExpiry(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  const [, year, month, day] = match;
  const calendar = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  if (calendar.getUTCDate() !== Number(day)) return undefined;
  return text.length === 10 ? at + DAY_MS : at;
}
