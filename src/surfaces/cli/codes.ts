import { defineCodes } from '../../kernel/index.ts';

export const CLI_CODES = defineCodes({
  CLI_USAGE: {
    summary: 'the command line is not understood',
    fix: 'gatehouse --help',
    status: 400,
  },
  CLI_GATEWAY_NOT_RUNNING: {
    summary: 'no gateway runs on this home, and this command needs one',
    fix: 'gatehouse gateway run',
    status: 503,
  },
  CLI_GATEWAY_UNREACHABLE: {
    summary: 'the connection to the gateway broke before it answered',
    fix: 'gatehouse gateway status; then look into logs/gateway.log of the home.',
    status: 503,
  },
  CLI_GATEWAY_STILL_STOPPING: {
    summary: 'the gateway agreed to stop and has not ended yet',
    fix: 'Look at what still runs: gatehouse gateway status; then look into logs/gateway.log of the home.',
    status: 504,
  },
  CLI_ANSWER_INVALID: {
    summary: 'what answered does not speak the gateway protocol',
    fix: 'Check GATEHOUSE_URL and GATEHOUSE_HOME; compare versions with `gatehouse doctor`.',
    status: 502,
  },
  CLI_SOCKET_NOT_PRIVATE: {
    summary:
      "the folder of the gateway's socket can be entered by other accounts, so the socket is not trusted",
    fix: 'Stop the gateway, chmod 700 the folder named in the message and check who owns it.',
    status: 403,
  },
  CLI_URL_INVALID: {
    summary: 'GATEHOUSE_URL must be http:// on a loopback address, without user name, path or query',
    fix: 'Open a tunnel (ssh -N -L 18789:127.0.0.1:18789 HOST) and use GATEHOUSE_URL=http://127.0.0.1:18789.',
    status: 400,
  },
  CLI_TOKEN_MISSING: {
    summary: 'GATEHOUSE_URL is set, but GATEHOUSE_TOKEN is not',
    fix: 'Set GATEHOUSE_TOKEN to a token of that gateway (gatehouse token issue NAME --scopes ...).',
    status: 401,
  },
  CLI_FILE_UNREADABLE: {
    summary: 'the file cannot be read',
    fix: 'Check the path and its permissions.',
    status: 400,
  },
  CLI_INTERRUPTED: {
    summary: 'stopped from the keyboard',
    fix: 'Start it again if it is still wanted.',
    status: 499,
  },
});
