import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import ipaddr from 'ipaddr.js';

const TYPES: Readonly<Record<number, 'A' | 'CNAME' | 'AAAA'>> = { 1: 'A', 5: 'CNAME', 28: 'AAAA' };
const CODES = { A: 1, CNAME: 5, AAAA: 28 } as const;

interface DnsRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  readonly value: string;
}

/** What the server says to one question: records (possibly none), a response code, or nothing at all. */
export type DnsAnswer = readonly DnsRecord[] | { readonly rcode: number } | 'silence';

function nameBytes(name: string): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function recordBytes({ name, type, value }: DnsRecord): Buffer {
  const data = type === 'CNAME' ? nameBytes(value) : Buffer.from(ipaddr.parse(value).toByteArray());
  const head = Buffer.alloc(10);
  head.writeUInt16BE(CODES[type], 0);
  head.writeUInt16BE(1, 2);
  // TTL 0: whoever keeps the answer is rebound (attack 15).
  head.writeUInt32BE(0, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(name), head, data]);
}

function readQuestion(message: Buffer): {
  readonly name: string;
  readonly type: string;
  readonly end: number;
} {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = message.readUInt16BE(at + 1);
  return { name: labels.join('.').toLowerCase(), type: TYPES[code] ?? String(code), end: at + 5 };
}

/** A name server on loopback that answers what the test says and keeps what it was asked (RFC 1035 section 4). */
export async function startDns(answer: (name: string, type: string, turn: number) => DnsAnswer) {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (message, from) => {
    const { name, type, end } = readQuestion(message);
    const key = `${type} ${name}`;
    const turn = asked.filter((earlier) => earlier === key).length;
    asked.push(key);
    const said = answer(name, type, turn);
    if (said === 'silence') return;
    const records = 'rcode' in said ? [] : said;
    const head = Buffer.from(message.subarray(0, 12));
    head.writeUInt16BE(0x8180 | ('rcode' in said ? said.rcode : 0), 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    socket.send(
      Buffer.concat([head, message.subarray(12, end), ...records.map(recordBytes)]),
      from.port,
      from.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    server: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
