/**
 * The little of classic BPF that a seccomp filter needs (Documentation/networking/filter.rst,
 * Documentation/userspace-api/seccomp_filter.rst). Jumps only go forward, by names that are resolved when
 * the program is assembled.
 */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LD_W_ABS = 0x20;
const JMP_JA = 0x05;
const JMP_JEQ_K = 0x15;
const JMP_JGE_K = 0x35;
const JMP_JSET_K = 0x45;
const RET_K = 0x06;

/** Offsets of struct seccomp_data; both architectures are little-endian, so the low half comes first. */
export const DATA_NUMBER = 0;
export const DATA_ARCH = 4;

/** Offset of the low 32 bits of an argument: all that the kernel looks at in an `int` or a flags word. */
export function argumentOffset(index: number): number {
  return 16 + 8 * index;
}

/** More than this and the kernel refuses the program (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;
const MAX_CONDITIONAL_JUMP = 255;

type Pending = {
  readonly code: number;
  readonly k: number;
  readonly whenTrue?: string;
  readonly whenFalse?: string;
};

/** Collects instructions; a jump without a name falls through to the next one. */
export class Assembler {
  readonly #pending: Pending[] = [];
  readonly #labels = new Map<string, number>();
  #unique = 0;

  label(name: string): void {
    if (this.#labels.has(name)) throw new Error(`label ${name} is set twice`);
    this.#labels.set(name, this.#pending.length);
  }

  fresh(): string {
    this.#unique += 1;
    return `#${this.#unique}`;
  }

  load(offset: number): void {
    this.#pending.push({ code: LD_W_ABS, k: offset });
  }

  answer(value: number): void {
    this.#pending.push({ code: RET_K, k: value });
  }

  jump(to: string): void {
    this.#pending.push({ code: JMP_JA, k: 0, whenTrue: to });
  }

  ifEqual(k: number, whenTrue?: string, whenFalse?: string): void {
    this.#branch(JMP_JEQ_K, k, whenTrue, whenFalse);
  }

  ifAtLeast(k: number, whenTrue?: string, whenFalse?: string): void {
    this.#branch(JMP_JGE_K, k, whenTrue, whenFalse);
  }

  ifAnyBit(k: number, whenTrue?: string, whenFalse?: string): void {
    this.#branch(JMP_JSET_K, k, whenTrue, whenFalse);
  }

  #branch(code: number, k: number, whenTrue?: string, whenFalse?: string): void {
    this.#pending.push({
      code,
      k,
      ...(whenTrue === undefined ? {} : { whenTrue }),
      ...(whenFalse === undefined ? {} : { whenFalse }),
    });
  }

  /** Throws when a name is unknown, lies behind its jump, or is out of a conditional jump's reach. */
  assemble(): readonly Instruction[] {
    if (this.#pending.length > MAX_INSTRUCTIONS) throw new Error('the seccomp program is too long');
    return this.#pending.map(({ code, k, whenTrue, whenFalse }, at) => {
      const jt = this.#distance(at, whenTrue);
      if (code === JMP_JA) return { code, jt: 0, jf: 0, k: jt };
      const jf = this.#distance(at, whenFalse);
      if (jt > MAX_CONDITIONAL_JUMP || jf > MAX_CONDITIONAL_JUMP)
        throw new Error(`the jump at ${at} reaches too far`);
      return { code, jt, jf, k };
    });
  }

  #distance(at: number, label: string | undefined): number {
    if (label === undefined) return 0;
    const target = this.#labels.get(label);
    if (target === undefined || target <= at) throw new Error(`the jump at ${at} has nowhere to go`);
    return target - at - 1;
  }
}

/** Array of struct sock_filter, as `bwrap --seccomp FD` reads it. */
export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k >>> 0, true);
  });
  return bytes;
}
