import type { Drill, DrillRange } from '../../kernel/index.ts';
import { DRILL_CODES } from './codes.ts';

/** The control that a drill proves. */
export function controlOf(id: string): string {
  return id.split('.', 1)[0] ?? id;
}

/**
 * The drills that these names mean, each once and in the order of the catalogue; no name means all.
 *
 * @throws DRILL_UNKNOWN
 */
export function selectDrills<Range extends DrillRange>(
  drills: readonly Drill<Range>[],
  names: readonly string[],
): readonly Drill<Range>[] {
  if (names.length === 0) return drills;
  const unknown = names.find((name) => !drills.some(({ id }) => id === name || controlOf(id) === name));
  if (unknown !== undefined) {
    const controls = [...new Set(drills.map(({ id }) => controlOf(id)))].join(', ');
    throw DRILL_CODES.error(
      'DRILL_UNKNOWN',
      `there is no drill and no control of this name; controls with drills: ${controls}`,
    );
  }
  return drills.filter(({ id }) => names.includes(id) || names.includes(controlOf(id)));
}
