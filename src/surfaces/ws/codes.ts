import { defineCodes } from '../../kernel/index.ts';

export const WS_CODES = defineCodes({
  WS_FRAME_INVALID: {
    summary: 'invalid request frame',
    fix: 'Send one JSON object per text frame: {"type":"req","id":"...","method":"...","params":{}}.',
    status: 400,
  },
  WS_FRAME_NOT_JSON: {
    summary: 'the first frame was not JSON',
    fix: 'Speak the gateway protocol of OpenClaw; the first frame is a connect request.',
    status: 400,
  },
  WS_FRAME_BINARY: {
    summary: 'binary frames are not accepted',
    fix: 'Send text frames.',
    status: 400,
  },
  WS_FRAME_TOO_LARGE: {
    summary: 'message too big',
    fix: 'Send at most 64 KiB before connect is answered, and policy.maxPayload of hello afterwards.',
    status: 413,
  },
  WS_CONNECT_FIRST: {
    summary: 'the first request must be connect',
    fix: 'Wait for connect.challenge, then send connect.',
    status: 400,
  },
  WS_CONNECT_REPEATED: {
    summary: 'connect was already sent on this connection',
    fix: 'Open another connection to connect as somebody else.',
    status: 400,
  },
  WS_HANDSHAKE_TIMEOUT: {
    summary: 'no successful connect in time',
    fix: 'Answer connect.challenge within 15 seconds.',
    status: 408,
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
  WS_PROTOCOL_BROKEN: {
    summary: 'the peer broke the rules of WebSocket framing',
    fix: 'Use a client that follows RFC 6455 and takes no for an answer to compression.',
    status: 400,
  },
  WS_TOO_MANY_CONNECTIONS: {
    summary: 'too many connections wait for authentication, and this one waited longest',
    fix: 'Send connect as soon as the challenge is there; if it lasts, `gatehouse ledger tail` shows who opens them.',
    status: 503,
  },
  WS_TOO_MANY_REQUESTS: {
    summary: 'too many requests are under way',
    fix: 'Wait for answers before asking more on one connection.',
    status: 429,
  },
  WS_SLOW_WRITER: {
    summary: 'a message was begun and not finished in time',
    fix: 'Send whole messages, and smaller ones over a slow line.',
    status: 408,
  },
  WS_SLOW_READER: {
    summary: 'the client reads too slowly and was cut off',
    fix: 'Connect again, read promptly, and load what was missed from chat.history.',
    status: 429,
  },
});
