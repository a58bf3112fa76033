/** A host as it stands in an authority: an IPv6 address in brackets (RFC 3986, section 3.2.2). */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** `host:port`; the path of a Unix socket, which has no port, as it is. */
export function hostAndPort({ address, port }: { readonly address: string; readonly port: number | null }) {
  return port === null ? address : `${bracketed(address)}:${port}`;
}
