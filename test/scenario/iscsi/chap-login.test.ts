/** CHAP within a login [RFC 7143 §12.1.3]. */
import { createHash } from 'node:crypto';
import { IDENTITY, openAccess, World, type Joined } from '../../initiator/joined.ts';
import type { TargetAccess } from '../../../iscsi/target/directory.ts';
import type { Keys } from '../../initiator/scripted-initiator.ts';
import { play } from './login-transcript.ts';

const SECRET = 'a secret of the host';
const OTHER = 'a secret of the disk';
const chap = { user: 'host', secret: Buffer.from(SECRET) };
const mutualChap = { user: 'disk', secret: Buffer.from(OTHER) };
const WHO = IDENTITY.map(([key, value]) => `${key}=${value}`).join(' ');

const hashes: Record<string, string> = { 5: 'md5', 6: 'sha1', 7: 'sha256', 8: 'sha3-256' };

function world(access: Partial<TargetAccess> = {}): World {
  const made = new World();
  made.directory.add({ access: { ...openAccess, chap, mutualChap, ...access } });
  return made;
}

/** Up to the challenge. */
function challenged(link: Joined, algorithms = '5'): { a: string; i: number; c: Buffer } {
  const { initiator } = link;
  initiator.loginRequest({ currentStage: 0 }, [...IDENTITY, ['AuthMethod', 'CHAP,None']]);
  initiator.loginRequest({ currentStage: 0 }, [['CHAP_A', algorithms]]);
  const keys = new Map(initiator.lastLogin().keys);
  const c = Buffer.from((keys.get('CHAP_C') ?? '').slice(2), 'hex');
  return { a: keys.get('CHAP_A') ?? '', i: Number(keys.get('CHAP_I')), c };
}

const digest = (a: string, i: number, secret: string, c: Buffer): Buffer =>
  createHash(hashes[a] ?? '')
    .update(Buffer.concat([Buffer.of(i), Buffer.from(secret), c]))
    .digest();

function respond(link: Joined, keys: Keys): number {
  link.initiator.loginRequest({ currentStage: 0, nextStage: 1, transit: true }, keys);
  return link.initiator.lastLogin().status;
}

const hex = (bytes: Buffer): string => `0x${bytes.toString('hex')}`;

describe('CHAP', () => {
  test.each(['5', '6', '7', '8'])('algorithm %s proves the initiator', (algorithm) => {
    const link = world().connect();
    const { a, i, c } = challenged(link, algorithm);
    expect(a).toBe(algorithm);
    expect(
      respond(link, [
        ['CHAP_N', 'host'],
        ['CHAP_R', hex(digest(a, i, SECRET, c))],
      ]),
    ).toBe(0);
    link.initiator.loginRequest({ currentStage: 1, nextStage: 3, transit: true }, []);
    expect(link.connection.inFullFeature).toBe(true);
  });

  test('what was proven lets copies reach other targets, and nothing else does', () => {
    const made = new World();
    const device = made.directory.add({ access: { ...openAccess, chap } });
    const names = ['with-it', 'with-another', 'open'].map(
      (name) => `iqn.2026-01.org.example:${name}`,
    );
    const accesses = [{ chap }, { chap: { ...chap, secret: Buffer.from('no secret of it') } }, {}];
    for (const [at, access] of accesses.entries()) {
      made.directory.add({ iqn: names[at]!, access: { ...openAccess, ...access } });
    }
    const link = made.connect();
    const { a, i, c } = challenged(link);
    respond(link, [
      ['CHAP_N', 'host'],
      ['CHAP_R', hex(digest(a, i, SECRET, c))],
    ]);
    link.initiator.loginRequest({ currentStage: 1, nextStage: 3, transit: true }, []);
    const nexus = device.attached[0]!;
    expect([...names, 'iqn.none'].map((name) => nexus.mayReach(name))).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  test('the first algorithm of the list that is known is taken', () => {
    expect(challenged(world().connect(), '99,8,5').a).toBe('8');
  });

  test.each(['56', '', '0', '5x', '99'])('CHAP_A=%s offers no algorithm: 0201', (offer) => {
    const link = world().connect();
    challenged(link, offer);
    expect(link.initiator.lastLogin().status).toBe(0x0201);
    expect(link.closed).toBe(true);
  });

  test('binary values may come in base64 [RFC 7143 §6.1]', () => {
    const link = world().connect();
    const { a, i, c } = challenged(link);
    const response = `0b${digest(a, i, SECRET, c).toString('base64')}`;
    expect(
      respond(link, [
        ['CHAP_N', 'host'],
        ['CHAP_R', response],
      ]),
    ).toBe(0);
  });

  test('a user name that looks like a number is a name', () => {
    const user = '0x1234';
    const link = world({ chap: { ...chap, user } }).connect();
    const { a, i, c } = challenged(link);
    expect(
      respond(link, [
        ['CHAP_N', user],
        ['CHAP_R', hex(digest(a, i, SECRET, c))],
      ]),
    ).toBe(0);
  });

  test.each([
    ['a wrong secret', 'host', OTHER],
    ['a wrong user', 'other', SECRET],
  ])('%s: 0201', (_what, user, secret) => {
    const link = world().connect();
    const { a, i, c } = challenged(link);
    expect(
      respond(link, [
        ['CHAP_N', user],
        ['CHAP_R', hex(digest(a, i, secret, c))],
      ]),
    ).toBe(0x0201);
    expect(link.closed).toBe(true);
  });

  test('a response of more than 1024 bytes: 0201 [RFC 7143 §12.1.3]', () => {
    const link = world().connect();
    challenged(link);
    expect(
      respond(link, [
        ['CHAP_N', 'host'],
        ['CHAP_R', `0x${'00'.repeat(1025)}`],
      ]),
    ).not.toBe(0);
  });

  test.each(['', '12345', '0x', '0xzz', '0b!!'])('CHAP_R=%s is no binary value: 0201', (value) => {
    const link = world().connect();
    challenged(link);
    expect(
      respond(link, [
        ['CHAP_N', 'host'],
        ['CHAP_R', value],
      ]),
    ).toBe(0x0201);
  });

  test('each login has a challenge and an identifier of its own', () => {
    const made = world();
    const [one, two] = [challenged(made.connect()), challenged(made.connect())];
    expect(one.c.equals(two.c)).toBe(false);
    expect(one.c.length).toBeGreaterThanOrEqual(16);
  });

  test('a response to an earlier challenge proves nothing', () => {
    const made = world();
    const old = challenged(made.connect());
    const link = made.connect();
    challenged(link);
    const response = hex(digest(old.a, old.i, SECRET, old.c));
    expect(
      respond(link, [
        ['CHAP_N', 'host'],
        ['CHAP_R', response],
      ]),
    ).toBe(0x0201);
  });
});

describe('mutual CHAP', () => {
  const ask = (link: Joined, challenge: Buffer): number => {
    const { a, i, c } = challenged(link, '7');
    return respond(link, [
      ['CHAP_N', 'host'],
      ['CHAP_R', hex(digest(a, i, SECRET, c))],
      ['CHAP_I', '77'],
      ['CHAP_C', hex(challenge)],
    ]);
  };

  test('the target proves itself when asked', () => {
    const link = world().connect();
    const challenge = Buffer.alloc(1024, 0x5a);
    expect(ask(link, challenge)).toBe(0);
    expect(link.initiator.lastLogin().keys).toEqual([
      ['CHAP_N', 'disk'],
      ['CHAP_R', hex(digest('7', 77, OTHER, challenge))],
    ]);
  });

  test('a target without a secret of its own refuses: 0201', () => {
    expect(ask(world({ mutualChap: null }).connect(), Buffer.alloc(16))).toBe(0x0201);
  });

  test('one secret for both directions is refused: 0201 [RFC 7143 §9.2.1]', () => {
    const same = { user: 'disk', secret: Buffer.from(SECRET) };
    expect(ask(world({ mutualChap: same }).connect(), Buffer.alloc(16))).toBe(0x0201);
  });

  test('our own challenge, sent back, is not answered: 0201 [RFC 7143 §12.1.3]', () => {
    const link = world().connect();
    const { a, i, c } = challenged(link);
    const status = respond(link, [
      ['CHAP_N', 'host'],
      ['CHAP_R', hex(digest(a, i, SECRET, c))],
      ['CHAP_I', String(i)],
      ['CHAP_C', hex(c)],
    ]);
    expect(status).toBe(0x0201);
  });

  test('a wrong initiator learns nothing of the target', () => {
    const link = world().connect();
    challenged(link);
    const keys: Keys = [
      ['CHAP_N', 'host'],
      ['CHAP_R', hex(Buffer.alloc(16))],
      ['CHAP_I', '1'],
      ['CHAP_C', hex(Buffer.alloc(16, 1))],
    ];
    expect(respond(link, keys)).toBe(0x0201);
    expect(link.initiator.lastLogin().keys).toEqual([]);
  });
});

describe('AuthMethod', () => {
  test('None where a proof is needed: 0201 [RFC 7143 §11.13.5]', () => {
    play(world().connect(), `> 0>1 T ${WHO} AuthMethod=None\n< 0 0201`);
  });

  test('skipping security where a proof is needed: 0201', () => {
    play(world().connect(), `> 1>3 T ${WHO}\n< 1 0201`);
  });

  test('leaving security without a word where a proof is needed: 0201', () => {
    play(world().connect(), `> 0>1 T ${WHO}\n< 0 0201`);
    play(world().connect(), `> 0>3 T ${WHO}\n< 0 0201`);
  });

  test('leaving security in the middle of the exchange does not lead out of it', () => {
    play(
      world().connect(),
      `> 0>1 T ${WHO} AuthMethod=CHAP
       < 0 0000 TargetPortalGroupTag=1 AuthMethod=CHAP
       > 0>3 T CHAP_A=5
       < 0 0000 CHAP_A=5 CHAP_I=* CHAP_C=*
       > 0>3 T
       < 0 0201`,
    );
  });

  test('CHAP where none is needed is not asked for', () => {
    play(
      world({ chap: null }).connect(),
      `> 0>1 T ${WHO} AuthMethod=CHAP,None
       < 0>1 T 0000 TargetPortalGroupTag=1 AuthMethod=None`,
    );
  });

  test('only methods that are not known: 0201', () => {
    play(world().connect(), `> 0>1 T ${WHO} AuthMethod=KRB5,SRP\n< 0 0201`);
  });

  test('CHAP keys before the method is agreed on: 0201', () => {
    play(world().connect(), `> 0 ${WHO} CHAP_A=5\n< 0 0201`);
  });

  test('AuthMethod twice: 0200 [RFC 7143 §6.2]', () => {
    play(
      world().connect(),
      `> 0 ${WHO} AuthMethod=CHAP
       < 0 0000 TargetPortalGroupTag=1 AuthMethod=CHAP
       > 0 AuthMethod=CHAP
       < 0 0200`,
    );
  });
});
