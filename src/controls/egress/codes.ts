import { defineCodes } from '../../kernel/index.ts';

const ASK =
  'Ask the operator for a rule or a time-boxed grant, naming host and port: `gatehouse egress explain URL` shows what is missing. Where the playbook says askForEgress the operator is asked when this run ends; try again after an answer.';

/** Every way a connection is refused or fails. Kernel decisions keep their own codes (`EGRESS_HOST_*`). */
export const EGRESS_CODES = defineCodes({
  EGRESS_MAIL_FAILED: {
    summary: 'a mail server did not take an alert',
    fix: 'Check host, port, account and receivers under alerts.destinations; `gatehouse alerts test NAME` tries again.',
    status: 502,
  },
  EGRESS_HOST_INVALID: {
    summary: 'the host is not a well-formed name or address',
    fix: 'Write the host as plain lower-case letters, digits, hyphens and single dots.',
    status: 403,
  },
  EGRESS_HOST_NOT_ASCII: {
    summary: 'the host holds characters outside ASCII',
    fix: 'Write the name in its A-label form (xn--...), and check that it is the name you mean.',
    status: 403,
  },
  EGRESS_HOST_AMBIGUOUS: {
    summary: 'the host is a number that programs read as different addresses',
    fix: 'Write an IPv4 address as four decimal numbers without leading zeros.',
    status: 403,
  },
  EGRESS_HOST_LOCAL: {
    summary: 'the host is a local or single-label name, which no rule names exactly',
    fix: 'Use the full public name, or ask the operator for a rule with exactly this host and its networks.',
    status: 403,
  },
  EGRESS_PORT_INVALID: {
    summary: 'the port is not a number from 1 to 65535 in plain decimal',
    fix: 'Write the port in decimal without sign, spaces or leading zeros.',
    status: 403,
  },
  EGRESS_URL_INVALID: {
    summary: 'the request target is not an absolute http or https URL in plain form',
    fix: 'Send `http://host[:port]/path` without user name, fragment, spaces or control characters.',
    status: 403,
  },
  EGRESS_RULE_INVALID: {
    summary: 'an egress rule cannot be understood',
    fix: 'Correct the rule: host (exact, or one `*.` label), port, and networks as CIDR.',
    status: 400,
  },
  EGRESS_AGENT_UNKNOWN: {
    summary: 'no egress policy exists for this agent',
    fix: 'Check the name with `gatehouse agents list`.',
    status: 403,
  },
  EGRESS_ADDRESS_NOT_PUBLIC: {
    summary: 'the name leads to an address that is not public, and the rule does not name that network',
    fix: 'If the destination is meant, the operator adds its network to the rule (`networks: [CIDR]`).',
    status: 403,
  },
  EGRESS_LOOP: {
    summary: 'the destination is Gatehouse itself',
    fix: 'Nothing to open: runs never reach the gateway or egress through egress.',
    status: 403,
  },
  EGRESS_DNS_FAILED: {
    summary: 'the name could not be resolved',
    fix: 'Check the spelling of the name and that the name server of this machine answers.',
    status: 502,
  },
  EGRESS_DNS_EMPTY: {
    summary: 'the name has no address',
    fix: 'Check the spelling of the name.',
    status: 502,
  },
  EGRESS_DNS_TOO_MANY: {
    summary: 'the answer for the name holds more addresses than are checked',
    fix: 'Report the name to the operator: such an answer is unusual.',
    status: 502,
  },
  EGRESS_REHEARSAL_ENDS: {
    summary: 'a connection of a drill was admitted as far as its dial, where drills end',
    fix: 'Nothing: no drill is ever connected. As the result of an attack it means that nothing refused it.',
    status: 502,
  },
  EGRESS_CONNECT_FAILED: {
    summary: 'no checked address of the host accepted the connection',
    fix: 'Try again later; if it stays, check that the service is up.',
    status: 502,
  },
  EGRESS_UPSTREAM_TLS: {
    summary: "the host's certificate or TLS handshake was not accepted",
    fix: 'Check the certificate of the host; for a private authority start with NODE_EXTRA_CA_CERTS.',
    status: 502,
  },
  EGRESS_UPSTREAM_RESET: {
    summary: 'the host closed the connection before its answer was complete',
    fix: 'Try again; when it goes on, look at the other side and at logs/egress.log.',
    status: 502,
  },
  EGRESS_UPSTREAM_PROTOCOL: {
    summary: 'the host answered with something that is not the HTTP that was asked for',
    fix: 'Check that the address is the service you mean.',
    status: 502,
  },
  EGRESS_UPSTREAM_ENCODED: {
    summary: 'the host encoded its answer in a way that secrets in it could not be found',
    fix: 'Use an endpoint that honours `accept-encoding: identity`.',
    status: 502,
  },
  EGRESS_UPSTREAM_TIMEOUT: {
    summary: 'the host did not answer in time',
    fix: 'Try again; if it stays, check that the service is up.',
    status: 504,
  },
  EGRESS_REQUEST_MALFORMED: {
    summary: 'the request could be read in more than one way',
    fix: 'Send plain HTTP/1.1: one Host, one length, CRLF line ends.',
    status: 400,
  },
  EGRESS_HOST_MISMATCH: {
    summary: 'the Host header names another host than the request target',
    fix: 'Send the Host header of the host that is asked for.',
    status: 403,
  },
  EGRESS_METHOD_REFUSED: {
    summary: 'this HTTP method does not go through egress',
    fix: 'Use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, or CONNECT for a tunnel.',
    status: 403,
  },
  EGRESS_REQUEST_NOT_ALLOWED: {
    summary: 'no rule for this host allows this method on this path',
    fix: 'Use a method and path that the rule names, or ask the operator to add them (`methods`, `paths`).',
    status: 403,
  },
  EGRESS_PATH_AMBIGUOUS: {
    summary: 'the path could be read in more than one way, and the rule for this host compares paths',
    fix: 'Send the path without dot segments, empty segments, semicolons and escaped separators.',
    status: 403,
  },
  EGRESS_INTERCEPT_UNAVAILABLE: {
    summary:
      'requests to this host have to be judged, and this run does not trust the authority that does it',
    fix: 'Start a new run; if it stays, look at logs/egress.log.',
    status: 503,
  },
  EGRESS_INTERCEPT_REFUSED: {
    summary: 'the client did not complete TLS with egress, which has to see requests to this host',
    fix: 'Let the program use the certificates of the system or SSL_CERT_FILE and HTTP/1.1; one that pins certificates needs a rule without methods, paths and secrets.',
    status: 403,
  },
  EGRESS_HONEYTOKEN: {
    summary: 'the request carries a credential that was planted to be found',
    fix: 'Nothing to open: the credential opens nothing, and the operator was told.',
    status: 403,
  },
  EGRESS_SECRET_IN_CLEAR: {
    summary: "a secret's placeholder stands in a request that is not encrypted",
    fix: 'Use https: a secret is put in only inside TLS that ends in egress.',
    status: 403,
  },
  EGRESS_SECRET_NOT_IN_RULE: {
    summary: 'no rule lets this request carry the secret',
    fix: 'Ask the operator to name the secret in the rule (`secrets`) that allows this method and path.',
    status: 403,
  },
  EGRESS_UPGRADE_REFUSED: {
    summary: 'protocol upgrades do not go through plain-HTTP forwarding',
    fix: 'Use a CONNECT tunnel with TLS (https, wss).',
    status: 403,
  },
  EGRESS_HEADER_REFUSED: {
    summary: 'the request carries a header that could change what was decided',
    fix: 'Remove method-override headers and unusual names from the Connection header.',
    status: 403,
  },
  EGRESS_SCHEME_REFUSED: {
    summary: 'this scheme is not how the rule lets the host be reached',
    fix: 'Use CONNECT for https, absolute form for http, and the protocol that the rule names.',
    status: 403,
  },
  EGRESS_NOT_TLS: {
    summary: 'the tunnel carries something that is not TLS',
    fix: 'Speak TLS, or ask the operator for a rule with `protocol: tcp` if the service speaks something else.',
    status: 403,
  },
  EGRESS_TLS_MALFORMED: {
    summary: 'the TLS ClientHello is malformed, too long or too late',
    fix: 'Use an up-to-date TLS library.',
    status: 403,
  },
  EGRESS_TLS_NAME_MISMATCH: {
    summary: 'the TLS server name is not the host of the tunnel',
    fix: 'Send the server name (SNI) of the host that the tunnel was opened for.',
    status: 403,
  },
  EGRESS_TLS_NAME_HIDDEN: {
    summary: 'the TLS server name is hidden by encrypted client hello, so it cannot be compared',
    fix: 'Switch encrypted client hello off in the client.',
    status: 403,
  },
  EGRESS_LIMIT_CONNECTIONS: {
    summary: 'too many connections are open at once',
    fix: 'Close connections, or do fewer things at a time.',
    status: 429,
  },
  EGRESS_LIMIT_REQUESTS: {
    summary: 'this run has used up its number of requests',
    fix: 'Start a new run.',
    status: 429,
  },
  EGRESS_LIMIT_BYTES: {
    summary: 'this run has used up its bytes',
    fix: 'Start a new run, or transfer less.',
    status: 429,
  },
  EGRESS_LIMIT_BUDGET: {
    summary: 'the bytes that a budget set aside for this run are used up',
    fix: 'Transfer less in one run, or ask the operator for a higher limit: `gatehouse budget show`.',
    status: 429,
  },
  EGRESS_LIMIT_DAY: {
    summary: "today's bytes of this agent, or of all agents together, are used up",
    fix: 'Wait for the next day in UTC, or ask the operator for a higher limit in policy/egress.yaml (limits).',
    status: 429,
  },
  EGRESS_LIMIT_RUNS: {
    summary: 'too many runs are open at once',
    fix: 'Wait until other runs end.',
    status: 429,
  },
  EGRESS_LIMIT_TIME: {
    summary: 'the connection was idle or open for too long',
    fix: 'Connect again.',
    status: 408,
  },
  EGRESS_RULE_ENDED: {
    summary: 'the rule that opened this connection has expired or was taken away',
    fix: ASK,
    status: 403,
  },
  EGRESS_RUN_EXISTS: {
    summary: 'a run with this id is open under another identity',
    fix: 'Use a new run id for each run.',
    status: 409,
  },
  EGRESS_RUN_INVALID: {
    summary: 'the identity of the run is incomplete or too long',
    fix: 'Give principal, agent and run.',
    status: 400,
  },
  EGRESS_RECORD_FAILED: {
    summary: 'the decision could not be recorded, so nothing was sent',
    fix: 'Check free space and permissions of the state directory, then `gatehouse doctor`.',
    status: 503,
  },
});

/** The fix shown with kernel decisions, which know no surface. */
export const ASK_FOR_A_RULE = ASK;

export type EgressCode = keyof typeof EGRESS_CODES.table;
