import { defineCodes } from '../../kernel/index.ts';

export const REPAIR_CODES = defineCodes({
  REPAIR_UNKNOWN: {
    summary: 'there is no repair of this number',
    fix: 'gatehouse doctor history lists them.',
    status: 404,
  },
  REPAIR_UNDONE: {
    summary: 'this repair was undone already',
    fix: 'Nothing is left to do; gatehouse doctor shows what is found now.',
    status: 409,
  },
  REPAIR_RUNNING: {
    summary: 'a repair is under way',
    fix: 'Wait for it to end, then look again with gatehouse doctor.',
    status: 409,
  },
  REPAIR_STEP_FAILED: {
    summary: 'one step could not be done, or not be undone',
    fix: 'The step says why: the disk may be full or read-only, or somebody changed the file meanwhile.',
    status: 500,
  },
});
