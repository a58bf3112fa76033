import { defineCodes } from '../kernel/index.ts';

export const PROCESS_CODES = defineCodes({
  EGRESS_AWAY: {
    summary: 'the egress process does not answer',
    fix: 'It is started again by itself; if that fails, the reason stands in run/egress.failure and in the log. `gatehouse gateway restart` starts everything anew.',
    status: 503,
  },
  APPROVALS_WAITING: {
    summary: 'approvals wait for a person',
    fix: 'Read what is asked with `gatehouse approvals list` and answer with `gatehouse approvals approve` or `deny`; what nobody answers expires.',
    status: 200,
  },
  HOME_NOT_PRIVATE: {
    summary: 'the Gatehouse home can be read or changed by other accounts, so nothing in it can be trusted',
    fix: 'Make it yours alone: chmod 700 the folder named in the message and check its owner, then start again.',
    status: 500,
  },
  HOME_UNUSABLE: {
    summary: 'the Gatehouse home cannot be created or written',
    fix: 'Set GATEHOUSE_HOME to a folder that this account owns.',
    status: 500,
  },
  GATEWAY_ALREADY_RUNNING: {
    summary: 'a gateway already runs on this home',
    fix: 'Use `gatehouse gateway status`, or stop it with `gatehouse gateway stop`; another instance needs its own GATEHOUSE_HOME.',
    status: 409,
  },
  GATEWAY_PORT_INVALID: {
    summary: 'GATEHOUSE_PORT is not a port number',
    fix: 'Use a whole number from 0 to 65535; 0 takes any free port.',
    status: 400,
  },
  GATEWAY_PORT_TAKEN: {
    summary: 'the port is already in use by another program',
    fix: 'Stop that program, or set GATEHOUSE_PORT or gateway.port to a free port.',
    status: 409,
  },
  GATEWAY_NOT_READY: {
    summary: 'the gateway did not become ready in time',
    fix: 'Read logs/gateway.log and logs/egress.log in the home.',
    status: 503,
  },
  GATEWAY_OUTBOUND_REFUSED: {
    summary: 'the gateway process tried to open a network connection of its own; only egress may',
    fix: 'Report it: this is a defect of Gatehouse. The connection was not made.',
    status: 500,
  },
});
