import { defineCodes } from '../../kernel/index.ts';

export const EGRESS_PROCESS_CODES = defineCodes({
  EGRESS_ALREADY_RUNNING: {
    summary: 'another egress process serves this home',
    fix: 'Stop the gateway that it belongs to (`gatehouse gateway stop`), then start again.',
    status: 409,
  },
  EGRESS_AUTHORITY_UNREADABLE: {
    summary: 'the file of certificate authorities of a destination cannot be read',
    fix: 'Put the PEM file where `ca` of the destination says, readable by the account of Gatehouse.',
    status: 503,
  },
  EGRESS_INPUTS_FAILED: {
    summary: 'egress could not read the configuration',
    fix: 'Run `gatehouse config validate`, and read logs/egress.log.',
    status: 503,
  },
});
