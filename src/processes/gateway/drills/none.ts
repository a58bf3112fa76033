import { DRILL_CODES, type DrillService } from '../../../controls/drills/index.ts';

/** Drills without a gateway: there is nothing to knock at. */
export const NO_DRILLS: DrillService = {
  async run() {
    throw DRILL_CODES.error('DRILL_NOT_HERE');
  },
  scheduled() {
    throw DRILL_CODES.error('DRILL_NOT_HERE');
  },
};
