import { defineCodes } from '../../kernel/index.ts';

export const EGRESS_PROCESS_CODES = defineCodes({
  EGRESS_ALREADY_RUNNING: {
    summary: 'another egress process serves this home',
    fix: 'Stop the gateway that it belongs to (`gatehouse gateway stop`), then start again.',
    status: 409,
  },
  EGRESS_INPUTS_FAILED: {
    summary: 'egress could not read the configuration',
    fix: 'Run `gatehouse config validate`, and read logs/egress.log.',
    status: 503,
  },
});
