import type { DatabaseSync } from 'node:sqlite';
import { newestRow } from './query.ts';
import type { Tallied } from './types.ts';

/**
 * Counts behind a position, by SQLite itself: nothing of a million records becomes an object. Repeats that were counted
 * and not recorded one by one count as what they are (attack 94).
 */
const COUNT = `SELECT at / 3600000 AS hour, type, action, outcome, coalesce(code, '') AS code,
  CASE type
    WHEN 'model' THEN coalesce(json_extract(data, '$.provider') || '/' || json_extract(data, '$.model'), '')
    WHEN 'tool' THEN coalesce(tool, '')
    WHEN 'egress' THEN coalesce(json_extract(data, '$.class'), '')
    WHEN 'alert' THEN coalesce(json_extract(data, '$.severity'), '')
    WHEN 'drill' THEN coalesce(json_extract(data, '$.drill'), '')
    ELSE '' END AS detail,
  CASE type WHEN 'model' THEN coalesce(agent, '') ELSE '' END AS counted_agent,
  total(CASE WHEN type IN ('login', 'decision', 'message') THEN coalesce(json_extract(data, '$.repeats'), 1) ELSE 1 END) AS count,
  total(CASE type
    WHEN 'model' THEN coalesce(json_extract(data, '$.inputTokens'), 0)
    WHEN 'egress' THEN coalesce(json_extract(data, '$.sent'), 0)
    WHEN 'tool' THEN coalesce(json_extract(data, '$.ms'), 0)
    ELSE 0 END) AS first,
  total(CASE type
    WHEN 'model' THEN coalesce(json_extract(data, '$.outputTokens'), 0)
    WHEN 'egress' THEN coalesce(json_extract(data, '$.received'), 0)
    ELSE 0 END) AS second
FROM (SELECT at, type, action, outcome, code, tool, agent, CASE WHEN json_valid(data) THEN data END AS data
  FROM records WHERE id > ? AND id <= ?)
GROUP BY hour, type, action, outcome, code, detail, counted_agent`;

/** @param limit rows that one look reads at most; between two looks others get their turn */
export function tally(raw: DatabaseSync, after: number, limit: number): Tallied {
  const position = Math.min(newestRow(raw), after + limit);
  if (position <= after) return { tallies: [], position: after };
  const rows = raw.prepare(COUNT).all(after, position);
  return {
    tallies: rows.map((row) => ({
      hour: Number(row['hour']),
      type: text(row['type']),
      action: text(row['action']),
      outcome: text(row['outcome']),
      code: text(row['code']),
      detail: text(row['detail']),
      agent: text(row['counted_agent']),
      count: amount(row['count']),
      first: amount(row['first']),
      second: amount(row['second']),
    })),
    position,
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** What somebody edited into something else must not stop the counting; verification says that it was edited. */
function amount(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
