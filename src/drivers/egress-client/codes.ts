import { defineCodes } from '../../kernel/index.ts';

export const EGRESS_CLIENT_CODES = defineCodes({
  EGRESS_UNAVAILABLE: {
    summary: 'the egress process is not running, so nothing can connect',
    fix: 'It is restarted by itself; try again in a few seconds. If it stays, read logs/egress.log.',
    status: 503,
  },
  EGRESS_CALL_TIMEOUT: {
    summary: 'the egress process did not answer in time',
    fix: 'Try again; if it stays, read logs/egress.log and restart the gateway.',
    status: 504,
  },
});
