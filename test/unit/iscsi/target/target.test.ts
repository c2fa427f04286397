/** Names, addresses and access. */
import { mayLogIn, mayReach } from '../../../../iscsi/target/access.ts';
import type { Target, TargetAccess } from '../../../../iscsi/target/directory.ts';
import { isIscsiName, normalName } from '../../../../iscsi/target/iscsi-name.ts';
import { formatAddress, isLoopbackHost } from '../../../../iscsi/target/portal-address.ts';
import { FakeDeviceServer } from '../../../fakes/fake-device-server.ts';

describe('iSCSI names [RFC 7143 §4.2.7]', () => {
  test.each([
    'iqn.2001-04.com.example:storage:diskarrays-sn-a8675309',
    'iqn.1993-08.org.debian:01:AbCd_ef',
    'eui.02004567A425678D',
    'naa.52004567BA64678D',
    'naa.62004567BA64678D0123456789ABCDEF',
    `iqn.${'x'.repeat(219)}`,
  ])('%s is one', (name) => {
    expect(isIscsiName(name)).toBe(true);
  });

  test.each([
    '',
    'iqn.',
    'IQN',
    'eui.123',
    'naa.12',
    'iqn.a b',
    'iqn.a\0b',
    `iqn.${'x'.repeat(220)}`,
  ])('"%s" is none', (name) => {
    expect(isIscsiName(name)).toBe(false);
  });

  test('letters are small in the normal form, and forms of one letter the same', () => {
    expect(normalName('IQN.Ａ')).toBe('iqn.a');
  });
});

describe('addresses [RFC 7143 §13.8]', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1:3260'],
    ['2001:db8::1', '[2001:db8::1]:3260'],
    ['::ffff:192.0.2.1', '192.0.2.1:3260'],
    ['fe80::1%eth0', '[fe80::1]:3260'],
  ])('%s is written %s', (host, written) => {
    expect(formatAddress({ host, port: 3260 })).toBe(written);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['::1', true],
    ['localhost', true],
    ['::ffff:127.0.0.1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['192.0.2.127', false],
    ['127.example.org', false],
  ])('%s is of the loopback: %s', (host, loopback) => {
    expect(isLoopbackHost(host)).toBe(loopback);
  });
});

describe('access', () => {
  const secret = Buffer.from('twelve bytes');
  const none: TargetAccess = { open: false, allowed: [], chap: null, mutualChap: null };
  const friend = 'iqn.2026-01.org.example:friend';
  const targetWith = (access: Partial<TargetAccess>): Target => ({
    iqn: 'iqn.2026-01.org.example:disk',
    alias: '',
    access: { ...none, ...access },
    redirect: null,
    device: new FakeDeviceServer(),
    luns: () => [],
  });
  const portal = (loopback: boolean) => ({ advertised: null, portalGroupTag: 1, loopback });
  const may = (access: Partial<TargetAccess>, name = friend, loopback = false): boolean =>
    mayLogIn(targetWith(access), name, portal(loopback));

  test('without list and CHAP: loopback only, unless opened', () => {
    expect([may({}, friend, true), may({}), may({ open: true })]).toEqual([true, false, true]);
  });

  test('with a list: who is on it, by any case, loopback or not', () => {
    const allowed = ['iqn.2026-01.org.example:Friend'];
    expect(may({ allowed })).toBe(true);
    expect(may({ allowed }, 'iqn.2026-01.org.example:other', true)).toBe(false);
  });

  test('with CHAP: anyone may try', () => {
    expect(may({ chap: { user: 'u', secret } })).toBe(true);
  });

  test('with both: the list first', () => {
    const both = { allowed: [friend], chap: { user: 'u', secret } };
    expect(may(both)).toBe(true);
    expect(may(both, 'iqn.2026-01.org.example:other')).toBe(false);
  });

  test('to another target by what was proven at the login to the first: the same user and secret', () => {
    const chap = { user: 'u', secret };
    const reach = (access: Partial<TargetAccess>, proven: typeof chap | null): boolean => {
      const who = { initiatorName: friend, portal: portal(false), proven };
      return mayReach(targetWith(access), who);
    };
    expect([reach({ open: true }, null), reach({}, chap)]).toEqual([true, false]);
    expect([reach({ chap }, chap), reach({ chap }, null)]).toEqual([true, false]);
    expect(reach({ chap }, { ...chap, user: 'v' })).toBe(false);
    expect(reach({ chap }, { ...chap, secret: Buffer.from('other twelve') })).toBe(false);
    expect(reach({ chap, allowed: ['iqn.2026-01.org.example:other'] }, chap)).toBe(false);
  });
});
