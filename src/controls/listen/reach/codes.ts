import { defineCodes } from '../../../kernel/index.ts';

/** Why a way in from outside is not written down: every value ends up in a file that another program obeys. */
export const REACH_CODES = defineCodes({
  REACH_HOST_INVALID: {
    summary: 'this is no plain [user@]host',
    fix: 'Give an account, an @ and a host name or address, without options, spaces or quotes: alice@gate.example.org',
    status: 400,
  },
  REACH_NAME_INVALID: {
    summary: 'this is no plain name',
    fix: 'Use letters, digits, dots and hyphens, beginning and ending with a letter or digit.',
    status: 400,
  },
  REACH_PORT_INVALID: {
    summary: 'this is no port that a service could have',
    fix: 'Use a whole number from 1 to 65535.',
    status: 400,
  },
  REACH_LISTEN_INVALID: {
    summary: 'this is no place to listen at',
    fix: 'Use a port, or an address and a port: 443, 203.0.113.7:443, [2001:db8::7]:443',
    status: 400,
  },
  REACH_PATH_INVALID: {
    summary: 'this is no plain path of a file',
    fix: 'Use an absolute path (or ~/...) of letters, digits and . _ - + @ / only; link the file to such a name if need be.',
    status: 400,
  },
  REACH_KEY_INVALID: {
    summary: 'this is no single line of an OpenSSH public key',
    fix: 'Give the file that ssh-keygen wrote beside the private key, such as ~/.ssh/gatehouse.pub',
    status: 400,
  },
  REACH_FILE_NOT_OURS: {
    summary: 'there is a file that this command did not write, so it stays as it is',
    fix: 'Move it away, or give the tunnel another name with --name.',
    status: 409,
  },
  REACH_FILE_CHANGED: {
    summary: 'somebody has changed the file since this command wrote it, so it stays as it is',
    fix: 'Look at the difference, keep what you need elsewhere, remove the file and run the command again.',
    status: 409,
  },
  REACH_HOME_UNKNOWN: {
    summary: 'HOME is not an absolute path, so nobody knows whose files these would be',
    fix: 'Run it as the account that opens the tunnel, with HOME set.',
    status: 400,
  },
});
