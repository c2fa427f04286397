/** The login phase [RFC 7143 §6.3, §11.12, §11.13], as transcripts. */
import {
  DISCOVERY,
  IDENTITY,
  INITIATOR,
  openAccess,
  TARGET,
  World,
} from '../../initiator/joined.ts';
import { textOf } from '../../initiator/scripted-initiator.ts';
import { play } from './login-transcript.ts';

const WHO = `InitiatorName=${INITIATOR} TargetName=${TARGET} SessionType=Normal`;
const MAX = 'MaxRecvDataSegmentLength=262144';

const world = (): World => {
  const made = new World();
  made.directory.add();
  return made;
};

describe('stages', () => {
  test('security, then operational, then full feature [RFC 7143 §6.3]', () => {
    const link = world().connect();
    play(
      link,
      `> 0>1 T ${WHO} AuthMethod=None
       < 0>1 T 0000 TargetPortalGroupTag=1 AuthMethod=None
       > 1>3 T HeaderDigest=None
       < 1>3 T 0000 HeaderDigest=None ${MAX}`,
    );
    expect(link.connection.inFullFeature).toBe(true);
  });

  test('an initiator may begin with operational negotiation [RFC 7143 §6.3.1]', () => {
    const link = world().connect();
    play(link, `> 1>3 T ${WHO}\n< 1>3 T 0000 TargetPortalGroupTag=1 ${MAX}`);
    expect(link.connection.inFullFeature).toBe(true);
  });

  test('security may lead straight to full feature [RFC 7143 §11.12.3]', () => {
    const link = world().connect();
    play(link, `> 0>3 T ${WHO}\n< 0>3 T 0000 TargetPortalGroupTag=1`);
    expect(link.connection.inFullFeature).toBe(true);
  });

  test('a stage lasts until the initiator asks to leave it [RFC 7143 §6.3]', () => {
    play(
      world().connect(),
      `> 0 ${WHO} AuthMethod=None
       < 0 0000 TargetPortalGroupTag=1 AuthMethod=None
       > 0>1 T
       < 0>1 T 0000
       > 1 MaxBurstLength=4096
       < 1 0000 MaxBurstLength=4096 ${MAX}
       > 1>3 T
       < 1>3 T 0000`,
    );
  });

  test.each([
    ['back to an earlier stage', '> 1>0 T'],
    ['to the same stage', '> 1>1 T'],
    ['to the reserved stage', '> 1>2 T'],
    ['from the reserved stage', '> 2>3 T'],
    ['from full feature', '> 3>3 T'],
  ])('a transit %s is refused [RFC 7143 §6.3]', (_what, request) => {
    const link = world().connect();
    play(link, `${request} ${WHO}\n< ${request.slice(2, 3)} 0200`);
    expect(link.closed).toBe(true);
  });

  test('T and C together are refused [RFC 7143 §11.12.2]', () => {
    play(world().connect(), `> 1>3 T C ${WHO}\n< 1 0200`);
  });

  test('a request of another stage than the one agreed on is refused [RFC 7143 §6.3]', () => {
    play(
      world().connect(),
      `> 0>1 T ${WHO} AuthMethod=None
       < 0>1 T 0000 TargetPortalGroupTag=1 AuthMethod=None
       > 0>1 T
       < 0 0200`,
    );
  });

  test('an alias is shown with the first response [RFC 7143 §13.6]', () => {
    const made = new World();
    made.directory.add({ alias: 'the-disk' });
    play(
      made.connect(),
      `> 1>3 T ${WHO}\n< 1>3 T 0000 TargetPortalGroupTag=1 TargetAlias=the-disk ${MAX}`,
    );
  });

  test('the final response gives the TSIH, those before it do not [RFC 7143 §11.13.3]', () => {
    const { initiator } = world().connect();
    initiator.loginRequest({ currentStage: 0, nextStage: 1, transit: true }, IDENTITY);
    expect(initiator.lastLogin().tsih).toBe(0);
    initiator.loginRequest({ currentStage: 1, nextStage: 3, transit: true }, []);
    expect(initiator.lastLogin().tsih).not.toBe(0);
  });

  test('StatSN goes up with each response, and ExpCmdSN is the CmdSN of the login', () => {
    const { initiator } = world().connect();
    initiator.loginRequest({ currentStage: 0, nextStage: 1, transit: true }, IDENTITY);
    const first = initiator.lastLogin();
    initiator.loginRequest({ currentStage: 1, nextStage: 3, transit: true }, []);
    const second = initiator.lastLogin();
    const numbers = [first, second].map((pdu) => (pdu as unknown as { statSN: number }).statSN);
    expect(numbers[1]).toBe((numbers[0] ?? 0) + 1);
    expect(second).toMatchObject({ expCmdSN: 100, maxCmdSN: 100 + 127 });
  });
});

describe('text over several PDUs', () => {
  test('a request with C is answered empty until the last part came [RFC 7143 §6.2]', () => {
    const link = world().connect();
    play(
      link,
      `> 1 C InitiatorName=${INITIATOR}
       < 1 0000
       > 1 C TargetName=${TARGET}
       < 1 0000
       > 1>3 T MaxBurstLength=512
       < 1>3 T 0000 TargetPortalGroupTag=1 MaxBurstLength=512 ${MAX}`,
    );
  });

  test('a pair may be cut anywhere [RFC 7143 §6.1]', () => {
    const { initiator } = world().connect();
    const text = textOf([...IDENTITY, ['MaxBurstLength', '1024']]);
    for (let at = 0; at < text.length; at += 7) {
      const last = at + 7 >= text.length;
      const flags = last ? { transit: true, nextStage: 3 } : { continues: true };
      initiator.loginRequest(flags, text.subarray(at, at + 7));
      expect(initiator.lastLogin().status).toBe(0);
    }
    expect(initiator.lastLogin().keys).toContainEqual(['MaxBurstLength', '1024']);
  });

  test('an answer longer than 8192 bytes goes out in parts, each asked for [RFC 7143 §6.2]', () => {
    const { initiator } = world().connect();
    const many = Array.from({ length: 200 }, (_, n): [string, string] => [
      `X-org.example.${String(n).padStart(30, '0')}`,
      'a',
    ]);
    const half = 100;
    initiator.loginRequest({ continues: true }, [...IDENTITY, ...many.slice(0, half)]);
    initiator.loginRequest({ transit: true, nextStage: 3 }, many.slice(half));
    const first = initiator.lastLogin();
    expect(first).toMatchObject({ continues: true, transit: false });
    initiator.loginRequest({ transit: true, nextStage: 3 }, []);
    expect(initiator.lastLogin()).toMatchObject({ continues: false, transit: true });
    const data = Buffer.concat(initiator.take().map((pdu) => pdu.data)).toString();
    expect(data.split('=NotUnderstood\0')).toHaveLength(many.length + 1);
  });

  test('text without end is refused with 0302', () => {
    const link = new World({ maxTextBytes: 4096 }).connect();
    link.initiator.loginRequest({ continues: true }, new Uint8Array(4000).fill(0x41));
    link.initiator.loginRequest({ continues: true }, new Uint8Array(4000).fill(0x41));
    expect(link.initiator.lastLogin().status).toBe(0x0302);
    expect(link.closed).toBe(true);
  });

  test.each([
    ['without "="', 'NoEquals\0'],
    ['with an empty key', '=value\0'],
    ['with a key of 64 characters', `${'K'.repeat(64)}=v\0`],
    ['with a value beyond all bounds', `Key=${'v'.repeat(3000)}\0`],
    ['with a blank in its key', 'A key=v\0'],
  ])('a pair %s is refused with 0200 [RFC 7143 §6.1]', (_what, text) => {
    const link = world().connect();
    link.initiator.loginRequest({}, new TextEncoder().encode(text));
    expect(link.initiator.lastLogin().status).toBe(0x0200);
    expect(link.closed).toBe(true);
  });

  test('text that is not UTF-8 is refused with 0200 [RFC 7143 §6.1]', () => {
    const { initiator } = world().connect();
    initiator.loginRequest({}, Uint8Array.of(0x4b, 0x3d, 0xff, 0xfe, 0));
    expect(initiator.lastLogin().status).toBe(0x0200);
  });
});

describe('who, and to what', () => {
  test('without InitiatorName: 0207 [RFC 7143 §11.13.5]', () => {
    play(world().connect(), `> 1>3 T TargetName=${TARGET}\n< 1 0207`);
  });

  test('a normal session without TargetName: 0207 [RFC 7143 §11.13.5]', () => {
    play(world().connect(), `> 1>3 T InitiatorName=${INITIATOR}\n< 1 0207`);
  });

  test('the type of a session is Normal unless it says otherwise [RFC 7143 §13.21]', () => {
    const link = world().connect();
    play(
      link,
      `> 1>3 T InitiatorName=${INITIATOR} TargetName=${TARGET}
       < 1>3 T 0000 TargetPortalGroupTag=1 ${MAX}`,
    );
    expect(link.connection.nexus).not.toBeNull();
  });

  test('a session type that is none: 0209 [RFC 7143 §11.13.5]', () => {
    play(world().connect(), `> 1>3 T InitiatorName=${INITIATOR} SessionType=Odd\n< 1 0209`);
  });

  test('a target that is not there: 0203 [RFC 7143 §11.13.5]', () => {
    const who = `InitiatorName=${INITIATOR} TargetName=iqn.2026-01.org.example:other`;
    play(world().connect(), `> 1>3 T ${who}\n< 1 0203`);
  });

  test('names are compared without regard to case [RFC 7143 §4.2.7.1]', () => {
    const who = `InitiatorName=${INITIATOR.toUpperCase()} TargetName=${TARGET.toUpperCase()}`;
    const made = new World();
    made.directory.add({ access: { ...openAccess, open: false, allowed: [INITIATOR] } });
    play(made.connect(), `> 1>3 T ${who}\n< 1>3 T 0000 TargetPortalGroupTag=1 ${MAX}`);
  });

  test.each(['host', 'iqn.', 'eui.12', 'naa.123', `iqn.${'x'.repeat(230)}`])(
    '%s is no iSCSI name: 0200 [RFC 7143 §4.2.7]',
    (name) => {
      play(world().connect(), `> 1>3 T InitiatorName=${name} TargetName=${TARGET}\n< 1 0200`);
    },
  );

  test('an initiator that the list does not name: 0202 [RFC 7143 §11.13.5]', () => {
    const made = new World();
    const allowed = ['iqn.2026-01.org.example:friend'];
    made.directory.add({ access: { ...openAccess, open: false, allowed } });
    play(made.connect(), `> 1>3 T ${WHO}\n< 1 0202`);
  });

  test('a target without list and CHAP lets everyone in on a loopback portal', () => {
    const made = new World();
    made.directory.add({ access: { ...openAccess, open: false } });
    play(made.connect(), `> 1>3 T ${WHO}\n< 1>3 T 0000 TargetPortalGroupTag=1 ${MAX}`);
  });

  test('and nobody on any other: 0202', () => {
    const made = new World();
    made.directory.add({ access: { ...openAccess, open: false } });
    play(made.connect({ loopback: false }), `> 1>3 T ${WHO}\n< 1 0202`);
  });

  test('unless it was opened', () => {
    const link = world().connect({ loopback: false });
    play(link, `> 1>3 T ${WHO}\n< 1>3 T 0000 TargetPortalGroupTag=1 ${MAX}`);
  });

  test('before the pool serves: 0301, so that the initiator tries again [RFC 7143 §11.13.5]', () => {
    const made = world();
    made.directory.ready = false;
    const link = made.connect();
    play(link, `> 1>3 T ${WHO}\n< 1 0301`);
    expect(link.closed).toBe(true);
  });

  test('a target that moved: 0101 with its address [RFC 7143 §11.13.5]', () => {
    const made = new World();
    made.directory.add({ redirect: '192.0.2.9:3260' });
    const link = made.connect();
    play(link, `> 1>3 T ${WHO}\n< 1 0101 TargetAddress=192.0.2.9:3260`);
    expect(link.closed).toBe(true);
  });

  test('identification belongs into the first request only [RFC 7143 §6.3.1]', () => {
    play(
      world().connect(),
      `> 0>1 T ${WHO}
       < 0>1 T 0000 TargetPortalGroupTag=1
       > 1>3 T InitiatorName=iqn.2026-01.org.example:else
       < 1 0200`,
    );
  });

  test('an ISID that changes within the login: 0200 [RFC 7143 §11.12.5]', () => {
    const { initiator } = world().connect();
    initiator.loginRequest({ currentStage: 0, nextStage: 1, transit: true }, IDENTITY);
    initiator.isid = '00023d000002';
    initiator.loginRequest({ currentStage: 1, nextStage: 3, transit: true }, []);
    expect(initiator.lastLogin().status).toBe(0x0200);
  });

  test('only version 0 is known: 0205 [RFC 7143 §11.12.4]', () => {
    const { initiator } = world().connect();
    initiator.loginRequest({ versionMin: 1, versionMax: 1 }, IDENTITY);
    expect(initiator.lastLogin().status).toBe(0x0205);
  });

  test('anything but a Login Request before login: 020B [RFC 7143 §11.13.5]', () => {
    const link = world().connect();
    link.initiator.command();
    expect(link.initiator.lastLogin().status).toBe(0x020b);
    expect(link.closed).toBe(true);
  });

  test('a data segment beyond 8192 bytes ends a login [RFC 7143 §13.12]', () => {
    const link = world().connect();
    link.initiator.loginRequest({}, new Uint8Array(8196).fill(0x41));
    expect(link.closed).toBe(true);
    expect(link.initiator.take()).toEqual([]);
  });

  test('a TSIH that names no session: 020A [RFC 7143 §11.13.5]', () => {
    const { initiator } = world().connect();
    initiator.tsih = 77;
    initiator.loginRequest({ transit: true, nextStage: 3 }, IDENTITY);
    expect(initiator.lastLogin().status).toBe(0x020a);
  });

  test('a second connection in a session: 0206 [RFC 7143 §11.13.5]', () => {
    const made = world();
    const { tsih } = made.session().initiator;
    const { initiator } = made.connect();
    initiator.tsih = tsih;
    initiator.cid = 2;
    initiator.loginRequest({ transit: true, nextStage: 3 }, IDENTITY);
    expect(initiator.lastLogin().status).toBe(0x0206);
  });

  test('one session more than there may be: 0302', () => {
    const made = new World({ maxSessions: 1 });
    made.directory.add();
    made.session();
    const { initiator } = made.connect();
    initiator.isid = '00023d000002';
    initiator.loginRequest({ transit: true, nextStage: 3 }, IDENTITY);
    expect(initiator.lastLogin().status).toBe(0x0302);
  });

  test('a login that takes too long is cut off', () => {
    const made = new World({ loginTimeoutMs: 5000 });
    const link = made.connect();
    made.clock.advance(4999);
    expect(link.destroyed).toBe(false);
    made.clock.advance(1);
    expect(link.destroyed).toBe(true);
  });

  test('a login that is through is not', () => {
    const made = world();
    const link = made.session();
    made.clock.advance(made.limits.loginTimeoutMs);
    expect(link.destroyed).toBe(false);
  });

  test('a discovery session asks for no target', () => {
    const link = world().connect();
    link.initiator.login(DISCOVERY, []);
    expect(link.connection.inFullFeature).toBe(true);
    expect(link.connection.nexus).toBeNull();
  });
});
