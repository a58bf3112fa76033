import { Type } from 'typebox';
import { selectDrills } from '../../controls/drills/index.ts';
import { defineOperation } from '../define.ts';
import { names, strict } from '../schema.ts';
import { ListedSchema } from './schema.ts';

export const drillList = defineOperation({
  id: 'drill.list',
  summary: 'List every drill: what it tries, and what must refuse and notice it',
  input: strict({ names: Type.Optional(names('Controls or drills; all when absent.')) }),
  output: strict({ drills: Type.Array(ListedSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['DRILL_UNKNOWN'],
  cli: {
    command: 'drill list',
    positional: ['names'],
    examples: ['gatehouse drill list', 'gatehouse drill list auth'],
    offline: true,
  },
  async run(_context, { names: wanted = [] }) {
    const { DRILLS } = await import('./catalogue.ts');
    return {
      drills: selectDrills(DRILLS, wanted).map(
        ({ id, title, requirements, attacks, codes, event, alert }) => ({
          drill: id,
          title,
          requirements,
          attacks,
          codes,
          event: typeof event === 'string' ? event : null,
          noEvent: typeof event === 'string' ? '' : event.none,
          alert: 'rule' in alert ? alert.rule : null,
          noAlert: 'none' in alert ? alert.none : '',
        }),
      ),
    };
  },
});
