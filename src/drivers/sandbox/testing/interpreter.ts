import type { Instruction } from '../seccomp/bpf.ts';

/** What a filter looks at: struct seccomp_data, arguments as the 64-bit registers that they are. */
export interface Call {
  readonly arch: number;
  readonly number: number;
  readonly arguments?: readonly bigint[];
}

function dataOf(call: Call): DataView {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint32(0, call.number >>> 0, true);
  view.setUint32(4, call.arch >>> 0, true);
  for (const [index, value] of (call.arguments ?? []).entries())
    view.setBigUint64(16 + 8 * index, BigInt.asUintN(64, value), true);
  return view;
}

/** Runs a classic BPF program as the kernel does (Documentation/networking/filter.rst). */
export function interpret(program: readonly Instruction[], call: Call): number {
  const data = dataOf(call);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 1) {
    const instruction = program[at];
    if (instruction === undefined) break;
    const { code, jt, jf, k } = instruction;
    const branch = (taken: boolean) => {
      at += taken ? jt : jf;
    };
    if (code === 0x06) return k >>> 0;
    else if (code === 0x20) accumulator = data.getUint32(k, true);
    else if (code === 0x05) at += k;
    else if (code === 0x15) branch(accumulator === k >>> 0);
    else if (code === 0x35) branch(accumulator >= k >>> 0);
    else if (code === 0x45) branch((accumulator & k) !== 0);
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the program ran past its end');
}
