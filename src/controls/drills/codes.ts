import { defineCodes } from '../../kernel/index.ts';

export const DRILL_CODES = defineCodes({
  DRILL_UNKNOWN: {
    summary: 'there is no drill and no control of this name',
    fix: '`gatehouse drill list` shows every drill; a control such as `auth` stands for all of its drills.',
    status: 404,
  },
  DRILL_BUSY: {
    summary: 'drills run already, and two runs would spoil each other',
    fix: 'Wait for it to end; `gatehouse drill history` shows when it did.',
    status: 409,
  },
  DRILL_NOT_HERE: {
    summary: 'drills run inside the gateway, and this is none',
    fix: 'Start the gateway: `gatehouse gateway start`.',
    status: 503,
  },
  DRILL_NOT_SCHEDULED: {
    summary: 'the configuration schedules no drills',
    fix: 'Set drills.schedule in gatehouse.json, or name the drills to run.',
    status: 409,
  },
  DRILL_FAILED: {
    summary: 'a drill was not refused, or nobody noticed it',
    fix: 'Run `gatehouse drill run NAME` and read what is missing; until it passes, treat the control as open.',
    status: 500,
  },
  DRILL_SETUP_FAILED: {
    summary: 'a drill could not set its scene, so it proved nothing',
    fix: 'Read what failed; a drill that cannot run counts as failed.',
    status: 500,
  },
  DRILL_PROBER_FAILED: {
    summary: 'the process that makes the attempts did not do what it was asked',
    fix: 'Look in logs/gateway.log, and run the drill again.',
    status: 503,
  },
  DRILL_TARGET_REFUSED: {
    summary: 'a drill asked for a connection to something that is not a listener of this install',
    fix: 'Report it: this is a defect of Gatehouse. No connection was made.',
    status: 403,
  },
});
