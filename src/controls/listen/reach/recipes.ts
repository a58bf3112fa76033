import { readPort, readServerName } from './values.ts';

const LOCAL_CLAIM = [
  '# Mind: the proxy connects from 127.0.0.1, as every program of this machine and every ssh tunnel to it does. With',
  '# "trustedProxies": ["127.0.0.1"] each of them could name any user in a header. So nothing is listed here, and',
  '# people log in with their own token, device or browser session.',
];

/**
 * Tailscale Serve in front of the loopback listener. Serve adds Tailscale-User-Login and X-Forwarded-* headers and
 * connects from 127.0.0.1; forwarding headers from there are refused, so it forwards TCP and adds none.
 *
 * @throws REACH_NAME_INVALID, REACH_PORT_INVALID
 */
export function tailscaleRecipe(request: { readonly name: string; readonly port: number }): string {
  const name = readServerName(request.name);
  const port = readPort(request.port);
  return [
    '# Gatehouse on a tailnet with Tailscale Serve. Never with `tailscale funnel`: that is the whole internet.',
    '',
    '# 1. On the machine of the gateway. TLS ends at tailscaled, which adds no header to a raw TCP stream:',
    `tailscale serve --bg --tls-terminated-tcp=443 tcp://127.0.0.1:${port}`,
    'tailscale serve status',
    '',
    '# 2. In gatehouse.json, then: gatehouse config reload',
    ...jsonLines({
      gateway: { allowedHosts: [name], controlUi: { allowedOrigins: [`https://${name}`] } },
    }),
    '',
    '# 3. In the tailnet policy file: only the people who work with it, and only this port.',
    '#   {"acls": [{"action": "accept", "src": ["group:gatehouse"], "dst": ["tag:gatehouse:443"]}]}',
    `#   Then try it from elsewhere: curl -sS https://${name}/healthz`,
    '',
    ...LOCAL_CLAIM,
    '#',
    '# `tailscale serve https / http://127.0.0.1:...` names the user in Tailscale-User-Login, from 127.0.0.1, with',
    '# X-Forwarded-For. Gatehouse refuses that (LISTEN_PROXY_NOT_TRUSTED), and rightly: it cannot tell tailscaled from',
    '# any other local program. To have users named by a proxy, put one in front whose connections nobody else can',
    '# make: a Unix socket in a folder of mode 0700 that only the proxy and the gateway can enter, or `gatehouse front',
    '# nginx` with client certificates.',
    '',
    '# Off again: tailscale serve --tls-terminated-tcp=443 off',
    '',
  ].join('\n');
}

/**
 * WireGuard with the loopback listener behind a tunnel of its own: no port of Gatehouse opens on the interface.
 *
 * @throws REACH_NAME_INVALID, REACH_PORT_INVALID
 */
export function wireguardRecipe(request: { readonly name: string; readonly port: number }): string {
  const name = readServerName(request.name);
  const port = readPort(request.port);
  return [
    '# Gatehouse over WireGuard: the network says which machine calls, Gatehouse says which person.',
    '',
    '# 1. On both machines: a key that never leaves them',
    'umask 077',
    'wg genkey | tee /etc/wireguard/gatehouse.key | wg pubkey > /etc/wireguard/gatehouse.pub',
    '',
    '# 2. On the machine of the gateway: /etc/wireguard/gatehouse.conf',
    '#   [Interface]',
    '#   Address = 10.77.0.1/32',
    '#   ListenPort = 51820',
    '#   PostUp = wg set %i private-key /etc/wireguard/gatehouse.key',
    '#   [Peer]',
    '#   PublicKey = (gatehouse.pub of the other machine)',
    '#   AllowedIPs = 10.77.0.2/32',
    '',
    '# 3. On the other machine: /etc/wireguard/gatehouse.conf',
    '#   [Interface]',
    '#   Address = 10.77.0.2/32',
    '#   PostUp = wg set %i private-key /etc/wireguard/gatehouse.key',
    '#   [Peer]',
    '#   PublicKey = (gatehouse.pub of the gateway)',
    `#   Endpoint = ${name}:51820`,
    '#   AllowedIPs = 10.77.0.1/32',
    '#   PersistentKeepalive = 25',
    '',
    '# 4. On both: wg-quick up gatehouse && systemctl enable wg-quick@gatehouse',
    '',
    '# 5. Gatehouse stays on loopback. What comes in over WireGuard ends at one of',
    `gatehouse front nginx --name ${name} --listen 10.77.0.1:443 --port ${port} --client-ca FILE`,
    'gatehouse tunnel print --host gatehouse-tunnel@10.77.0.1',
    '',
    '# 6. Let the interface reach nothing else (nftables):',
    "nft add table inet gatehouse && nft 'add chain inet gatehouse input { type filter hook input priority 0; }'",
    "nft 'add rule inet gatehouse input iifname gatehouse tcp dport { 22, 443 } accept'",
    "nft 'add rule inet gatehouse input iifname gatehouse drop'",
    '',
    '# Mind: a peer is a machine, not a person. Whoever holds its key comes in as far as the login, so every caller',
    '# still needs a token, a device or a certificate of its own. A lost machine: wg set gatehouse peer KEY remove.',
    ...LOCAL_CLAIM,
    '',
  ].join('\n');
}

function jsonLines(value: object): readonly string[] {
  return JSON.stringify(value, undefined, 2)
    .split('\n')
    .map((line) => `#   ${line}`);
}
