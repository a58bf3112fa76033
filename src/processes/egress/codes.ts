import { defineCodes } from '../../kernel/index.ts';

export const EGRESS_PROCESS_CODES = defineCodes({
  EGRESS_ALREADY_RUNNING: {
    summary: 'another egress process serves this home',
    fix: 'Stop the gateway that it belongs to (`gatehouse gateway stop`), then start again.',
    status: 409,
  },
});
