/** Version 00 of W3C Trace Context (section 3.2.2); ids of zeros are none. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;
/** nginx's $request_id, and UUIDs. */
const REQUEST_ID = /^[0-9a-f]{32}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface IncomingTrace {
  /** A trace of ours: the same 32 digits, written as a UUID. */
  readonly trace: string;
  /** The caller's span; absent when only a request id came. */
  readonly parent?: string;
}

function asTrace(digits: string): string {
  return digits.replaceAll('-', '').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * What a listed proxy says about the request that it hands on (T3): `traceparent`, or its request id. Only ever called
 * for listed proxies: from anybody else these headers are words.
 */
export function incomingTrace(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): IncomingTrace | undefined {
  const one = (name: string): string => {
    const value = headers[name];
    return typeof value === 'string' ? value.trim().toLowerCase() : '';
  };
  const [, digits, parent] = TRACEPARENT.exec(one('traceparent')) ?? [];
  if (digits !== undefined && parent !== undefined) return { trace: asTrace(digits), parent };
  const id = one('x-request-id');
  return REQUEST_ID.test(id) && !/^[0-]+$/.test(id) ? { trace: asTrace(id) } : undefined;
}
