import { defineCodes } from '../../kernel/index.ts';

export const INSTANCE_CODES = defineCodes({
  INSTANCE_INVALID: {
    summary: 'this cannot be an instance; nothing was changed',
    fix: 'Give a short name of lower-case letters, digits and dashes, an absolute home and a port from 1024 to 65525.',
    status: 400,
  },
  INSTANCE_TAKEN: {
    summary: 'another instance of this account has this name, home, unit or port',
    fix: 'See `gatehouse instances list` and choose another one.',
    status: 409,
  },
  INSTANCE_UNKNOWN: {
    summary: 'there is no instance of this name',
    fix: '`gatehouse instances list` shows them.',
    status: 404,
  },
  INSTANCE_RUNNING: {
    summary: 'this instance runs',
    fix: 'Stop it first: GATEHOUSE_HOME=ITS_HOME gatehouse gateway stop',
    status: 409,
  },
  INSTANCE_REGISTRY_BROKEN: {
    summary: 'the list of instances cannot be read or written',
    fix: 'Look at the file that is named; move it away and add the instances again. Their homes are untouched.',
    status: 500,
  },
});
