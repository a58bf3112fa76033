import { BODY_LIMITS } from '../limits.ts';
import { readAbsolutePath, readListen, readPort, readServerName } from './values.ts';

/** What an operator says of an nginx in front; nothing of it is trusted before `readFront`. */
export interface FrontRequest {
  /** The name that people open, and that the certificate is for. */
  readonly name: string;
  /** Authorities of client certificates, in PEM; absent asks nobody for one. */
  readonly clientCa?: string | undefined;
  /** Certificates that the authority took back, in PEM. */
  readonly clientCrl?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** `port` or `address:port`. */
  readonly listen?: string | undefined;
  /** The gateway's port on 127.0.0.1. */
  readonly port: number;
}

export interface Front extends Omit<FrontRequest, 'listen'> {
  readonly certificate: string;
  readonly key: string;
  readonly listen: { readonly address: string; readonly port: number };
}

/** Header in which this nginx hands on the certificate that it verified. */
export const CERTIFICATE_HEADER = 'x-gatehouse-client-certificate';
/** Nobody else of this machine connects from here by accident: not ssh, no browser, no proxy of another program. */
export const PROXY_ADDRESS = '127.0.0.2';

/** @throws REACH_NAME_INVALID, REACH_PATH_INVALID, REACH_LISTEN_INVALID, REACH_PORT_INVALID */
export function readFront(request: FrontRequest): Front {
  const { clientCa, clientCrl } = request;
  const name = readServerName(request.name);
  return {
    name,
    listen: readListen(request.listen ?? '443'),
    port: readPort(request.port),
    certificate: readAbsolutePath(request.certificate ?? `/etc/nginx/gatehouse/${name}.pem`),
    key: readAbsolutePath(request.key ?? `/etc/nginx/gatehouse/${name}.key`),
    ...(clientCa === undefined ? {} : { clientCa: readAbsolutePath(clientCa) }),
    ...(clientCrl === undefined ? {} : { clientCrl: readAbsolutePath(clientCrl) }),
  };
}

/** The keys of gatehouse.json that belong to it. */
export function frontConfiguration({ name, clientCa }: Front): Readonly<Record<string, unknown>> {
  return {
    gateway: {
      allowedHosts: [name],
      trustedProxies: [PROXY_ADDRESS],
      ...(clientCa === undefined
        ? {}
        : { auth: { trustedProxy: { certificateHeader: CERTIFICATE_HEADER } } }),
    },
  };
}

/** Headers in which a client could claim to be somebody else, or to have asked for something else: all are taken away. */
const CLEARED = [
  'Forwarded',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Server',
  'X-Forwarded-Ssl',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Client-Cert',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'X-Original-For',
  'X-Original-Host',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Envoy-External-Address',
  'CF-Connecting-IP',
  'CF-Connecting-IPv6',
  'True-Client-IP',
  'Fastly-Client-IP',
  'Fly-Client-IP',
  'X-Remote-User',
  'Remote-User',
  'X-Auth-Request-User',
  'X-Auth-Request-Email',
  'Tailscale-User-Login',
  'Tailscale-User-Name',
  'Tailscale-User-Profile-Pic',
  'X-Client-Cert',
  'X-SSL-Client-Cert',
  'Proxy',
  'Traceparent',
  'Tracestate',
];

function header(front: Front): readonly string[] {
  const json = JSON.stringify(frontConfiguration(front), undefined, 2).split('\n');
  return [
    `# Gatehouse behind nginx: /etc/nginx/conf.d/gatehouse.conf, inside http { }. Try it: nginx -t`,
    '#',
    '# In gatehouse.json of the gateway, then: gatehouse config reload',
    ...json.map((line) => `#   ${line}`),
    ...(front.clientCa === undefined
      ? ['# No client certificates: whoever can reach this port can try to log in. Better: --client-ca FILE']
      : [
          '# Whose certificate it is stands with a principal, by its SHA-256 fingerprint:',
          '#   openssl x509 -in client.pem -outform DER | sha256sum',
        ]),
    '#',
    `# nginx connects from ${PROXY_ADDRESS}, so that neither an ssh tunnel nor a browser of this machine counts as this`,
    '# proxy. Any program of this machine could still connect from there: let nobody else log in to it.',
    '',
  ];
}

/** Shared memory and maps, at http level. */
function shared({ port }: Front): readonly string[] {
  return [
    'limit_req_zone $binary_remote_addr zone=gatehouse_requests:10m rate=20r/s;',
    'limit_conn_zone $binary_remote_addr zone=gatehouse_connections:10m;',
    '# Only a WebSocket is upgraded; everything else keeps its connection to the gateway to itself.',
    'map $http_upgrade $gatehouse_connection {',
    '  default close;',
    '  websocket upgrade;',
    '}',
    '# Paths without what stands behind ?, and no header that could hold a secret.',
    `log_format gatehouse '$time_iso8601 $request_id $remote_addr "$request_method $uri" $status $bytes_sent '`,
    `  '$request_time "$ssl_client_s_dn" $ssl_client_verify "$http_user_agent"';`,
    'upstream gatehouse {',
    `  server 127.0.0.1:${port} max_fails=0;`,
    '}',
    '',
  ];
}

/** For names that are not ours: no handshake, so no certificate tells what else is here. */
function strangers({ listen }: Front): readonly string[] {
  const where = address(listen);
  return [
    'server {',
    `  listen ${where} ssl default_server;`,
    '  server_name _;',
    '  ssl_protocols TLSv1.3;',
    '  ssl_reject_handshake on;',
    '  client_header_timeout 10s;',
    '}',
    '',
  ];
}

function address(listen: Front['listen']): string {
  return listen.address === '' ? String(listen.port) : `${listen.address}:${listen.port}`;
}

function tls(front: Front): readonly string[] {
  const { clientCa, clientCrl } = front;
  return [
    `  ssl_certificate ${front.certificate};`,
    `  ssl_certificate_key ${front.key};`,
    '  ssl_protocols TLSv1.3;',
    '  # A resumed session would skip the look at the certificate and at the list of those taken back.',
    '  ssl_session_tickets off;',
    '  ssl_session_cache off;',
    '  ssl_early_data off;',
    ...(clientCa === undefined
      ? []
      : [`  ssl_client_certificate ${clientCa};`, '  ssl_verify_client on;', '  ssl_verify_depth 2;']),
    ...(clientCrl === undefined ? [] : [`  ssl_crl ${clientCrl};`]),
  ];
}

/** Bounds before the gateway sees a byte (L5): nginx reads slow clients, and gives up on them. */
function bounds(): readonly string[] {
  return [
    '  client_header_timeout 10s;',
    '  client_body_timeout 10s;',
    '  send_timeout 20s;',
    '  keepalive_timeout 30s;',
    '  keepalive_requests 1000;',
    '  reset_timedout_connection on;',
    '  client_header_buffer_size 2k;',
    '  large_client_header_buffers 4 8k;',
    `  client_max_body_size ${BODY_LIMITS.chatCompletions / 1024 / 1024}m;`,
    '  client_body_buffer_size 128k;',
    '  limit_req zone=gatehouse_requests burst=40 nodelay;',
    '  limit_req_status 429;',
    '  limit_conn gatehouse_connections 32;',
    '  limit_conn_status 429;',
    '  underscores_in_headers off;',
    '  ignore_invalid_headers on;',
    '  merge_slashes off;',
    '  server_tokens off;',
    '  max_ranges 0;',
  ];
}

function forwarding(front: Front): readonly string[] {
  const { name, listen, clientCa } = front;
  const host = listen.port === 443 ? name : `${name}:${listen.port}`;
  const certificate = clientCa === undefined ? '""' : '$ssl_client_escaped_cert';
  return [
    '    proxy_pass http://gatehouse;',
    `    proxy_bind ${PROXY_ADDRESS};`,
    '    proxy_http_version 1.1;',
    `    proxy_set_header Host ${host};`,
    '    proxy_set_header Upgrade $http_upgrade;',
    '    proxy_set_header Connection $gatehouse_connection;',
    '    # Set, never added to: what a client says about itself ends here.',
    '    proxy_set_header X-Forwarded-For $remote_addr;',
    '    proxy_set_header X-Forwarded-Proto https;',
    '    proxy_set_header X-Request-Id $request_id;',
    `    proxy_set_header ${CERTIFICATE_HEADER} ${certificate};`,
    ...CLEARED.map((gone) => `    proxy_set_header ${gone} "";`),
    '    proxy_connect_timeout 5s;',
    '    # The WebSocket says something every 30 s; a model may think longer than that.',
    '    proxy_read_timeout 300s;',
    '    proxy_send_timeout 20s;',
    '    # Bodies are read whole before the gateway is asked; answers are passed on as they come.',
    '    proxy_request_buffering on;',
    '    proxy_buffering off;',
    '    proxy_cache off;',
    '    proxy_next_upstream off;',
    '    proxy_redirect off;',
    '    proxy_intercept_errors off;',
  ];
}

/** A whole nginx configuration for the `http` context (L11). Every value passed `readFront`. */
export function nginxFront(front: Front): string {
  const lines = [
    ...header(front),
    ...shared(front),
    ...strangers(front),
    'server {',
    `  listen ${address(front.listen)} ssl;`,
    `  server_name ${front.name};`,
    ...tls(front),
    ...bounds(),
    '  access_log /var/log/nginx/gatehouse.log gatehouse;',
    '  # Also on what nginx answers itself.',
    '  add_header Strict-Transport-Security "max-age=63072000" always;',
    '  # For this machine and its monitoring, not for whoever comes from outside.',
    '  location = /metrics { return 404; }',
    '  location = /readyz { return 404; }',
    '  location / {',
    '    limit_except GET HEAD POST { deny all; }',
    ...forwarding(front),
    '  }',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}
