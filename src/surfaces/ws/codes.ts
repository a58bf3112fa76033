import { defineCodes } from '../../kernel/index.ts';

export const WS_CODES = defineCodes({
  WS_FRAME_INVALID: {
    summary: 'invalid request frame',
    fix: 'Send one JSON object per text frame: {"type":"req","id":"...","method":"...","params":{}}.',
    status: 400,
  },
  WS_PARAMS_INVALID: {
    summary: 'invalid params',
    fix: 'Correct the field that the message names.',
    status: 400,
  },
  WS_METHOD_UNKNOWN: {
    summary: 'unknown method',
    fix: 'The hello answer lists every method under features.methods.',
    status: 404,
  },
  WS_PROTOCOL_MISMATCH: {
    summary: 'protocol mismatch',
    fix: 'Use a client that speaks protocol 4.',
    status: 400,
  },
  WS_TOO_MANY_CONNECTIONS: {
    summary: 'too many connections wait for authentication',
    fix: 'Wait a moment; if it lasts, look for who opens them in logs/gateway.log.',
    status: 503,
  },
});
