/** Each operational key within a login: default, range, result, and when it is allowed [RFC 7143 §13]. */
import { defaultParameters } from '../../../iscsi/login/parameters.ts';
import { DISCOVERY, IDENTITY, World, type Joined } from '../../initiator/joined.ts';
import type { Keys } from '../../initiator/scripted-initiator.ts';

function negotiate(offers: Keys, identity: Keys = IDENTITY): Map<string, string> {
  const made = new World();
  made.directory.add();
  const { initiator } = made.connect();
  initiator.loginRequest({ transit: true, nextStage: 3 }, [...identity, ...offers]);
  const response = initiator.lastLogin();
  expect(response.status).toBe(0);
  return new Map(response.keys);
}

const answer = (key: string, offer: string): string | undefined =>
  negotiate([[key, offer]]).get(key);

describe('without negotiation', () => {
  test('the defaults of the standard hold [RFC 7143 §13]', () => {
    expect(defaultParameters()).toEqual({
      HeaderDigest: 'None',
      DataDigest: 'None',
      MaxConnections: 1,
      InitialR2T: true,
      ImmediateData: true,
      initiatorMaxRecvDataSegmentLength: 8192,
      targetMaxRecvDataSegmentLength: 8192,
      MaxBurstLength: 262_144,
      FirstBurstLength: 65_536,
      DefaultTime2Wait: 2,
      DefaultTime2Retain: 20,
      MaxOutstandingR2T: 1,
      DataPDUInOrder: true,
      DataSequenceInOrder: true,
      ErrorRecoveryLevel: 0,
      TaskReporting: 'RFC3720',
      iSCSIProtocolLevel: 1,
    });
  });
});

describe('results', () => {
  test.each([
    // The first of the list that both know [§6.2.1, §13.1].
    ['HeaderDigest', 'None,CRC32C', 'None'],
    ['HeaderDigest', 'CRC32C,None', 'CRC32C'],
    ['HeaderDigest', 'X-other,CRC32C', 'CRC32C'],
    ['DataDigest', 'CRC32C', 'CRC32C'],
    ['DataDigest', 'None', 'None'],
    ['TaskReporting', 'FastAbort,RFC3720', 'RFC3720'],
    ['TaskReporting', 'ResponseFence', 'ResponseFence'],
    // Minimum.
    ['MaxConnections', '8', '1'],
    ['MaxBurstLength', '512', '512'],
    ['MaxBurstLength', '16776192', '1048576'],
    ['FirstBurstLength', '4096', '4096'],
    ['FirstBurstLength', '262144', '65536'],
    ['MaxOutstandingR2T', '1', '1'],
    ['MaxOutstandingR2T', '65535', '16'],
    ['DefaultTime2Retain', '20', '0'],
    ['ErrorRecoveryLevel', '2', '0'],
    ['iSCSIProtocolLevel', '2', '1'],
    // Maximum.
    ['DefaultTime2Wait', '2', '2'],
    ['DefaultTime2Wait', '3600', '3600'],
    // OR: No only where both say so.
    ['InitialR2T', 'Yes', 'Yes'],
    ['InitialR2T', 'No', 'No'],
    ['DataPDUInOrder', 'No', 'Yes'],
    ['DataSequenceInOrder', 'No', 'Yes'],
    // AND.
    ['ImmediateData', 'Yes', 'Yes'],
    ['ImmediateData', 'No', 'No'],
    // Numbers may be hexadecimal [§6.1].
    ['MaxBurstLength', '0x1000', '4096'],
  ])('%s=%s gives %s [RFC 7143 §13]', (key, offer, result) => {
    expect(answer(key, offer)).toBe(result);
  });

  test('FirstBurstLength is never above MaxBurstLength, whichever comes first [RFC 7143 §13.14]', () => {
    const first = negotiate([
      ['FirstBurstLength', '65536'],
      ['MaxBurstLength', '8192'],
    ]);
    expect(first.get('FirstBurstLength')).toBe('8192');
    expect([...first.keys()].slice(-3)).toEqual([
      'FirstBurstLength',
      'MaxBurstLength',
      'MaxRecvDataSegmentLength',
    ]);
  });

  test('MaxRecvDataSegmentLength is declared, each way for itself [RFC 7143 §13.12]', () => {
    expect(answer('MaxRecvDataSegmentLength', '512')).toBe('262144');
  });
});

describe('values that are none are answered with Reject [RFC 7143 §6.2]', () => {
  test.each([
    ['HeaderDigest', 'crc32c'],
    ['HeaderDigest', 'SHA'],
    ['MaxConnections', '0'],
    ['MaxConnections', '65536'],
    ['InitialR2T', 'yes'],
    ['ImmediateData', '1'],
    ['MaxBurstLength', '511'],
    ['MaxBurstLength', '16777216'],
    ['FirstBurstLength', '511'],
    ['FirstBurstLength', 'many'],
    ['DefaultTime2Wait', '3601'],
    ['DefaultTime2Retain', '-1'],
    ['MaxOutstandingR2T', '0'],
    ['DataPDUInOrder', ''],
    ['ErrorRecoveryLevel', '3'],
    ['iSCSIProtocolLevel', '32'],
    ['TaskReporting', 'Other'],
    ['TaskReporting', 'FastAbort'],
  ])('%s=%s', (key, offer) => {
    expect(answer(key, offer)).toBe('Reject');
  });
});

describe('keys', () => {
  test.each(['IFMarker', 'OFMarker', 'IFMarkInt', 'OFMarkInt'])(
    '%s is obsolete: Reject [RFC 7143 §13.25]',
    (key) => {
      expect(answer(key, key.endsWith('Int') ? '2048~8192' : 'No')).toBe('Reject');
    },
  );

  test.each(['X-org.example.colour', 'X#Ours', 'NoSuchKey', 'RDMAExtensions'])(
    '%s is not understood [RFC 7143 §6.2]',
    (key) => {
      expect(answer(key, 'Yes')).toBe('NotUnderstood');
    },
  );

  test.each(['TargetAlias', 'TargetAddress'])('%s is the target’s to send: Reject', (key) => {
    expect(answer(key, 'something')).toBe('Reject');
  });

  test('InitiatorAlias is taken without an answer [RFC 7143 §13.7]', () => {
    expect(answer('InitiatorAlias', 'a-host')).toBeUndefined();
  });

  test.each([
    'MaxConnections',
    'InitialR2T',
    'ImmediateData',
    'MaxBurstLength',
    'FirstBurstLength',
    'MaxOutstandingR2T',
    'DataPDUInOrder',
    'DataSequenceInOrder',
    'TaskReporting',
    'iSCSIProtocolLevel',
  ])('%s means nothing in a discovery session: Irrelevant [RFC 7143 §13]', (key) => {
    expect(negotiate([[key, '1']], DISCOVERY).get(key)).toBe('Irrelevant');
  });

  test.each([
    ['HeaderDigest', 'None'],
    ['DefaultTime2Wait', '2'],
    ['ErrorRecoveryLevel', '0'],
  ])('%s is negotiated in a discovery session too', (key, offer) => {
    expect(negotiate([[key, offer]], DISCOVERY).get(key)).toBe(offer);
  });
});

describe('order', () => {
  function begun(): Joined {
    const made = new World();
    made.directory.add();
    const link = made.connect();
    link.initiator.loginRequest({}, [...IDENTITY, ['MaxBurstLength', '4096']]);
    return link;
  }

  test('a key negotiated again in a later request: 0200 [RFC 7143 §6.2]', () => {
    const { initiator } = begun();
    initiator.loginRequest({}, [['MaxBurstLength', '4096']]);
    expect(initiator.lastLogin().status).toBe(0x0200);
  });

  test('a key twice in one request: 0200 [RFC 7143 §6.2]', () => {
    const { initiator } = begun();
    initiator.loginRequest({}, [
      ['InitialR2T', 'No'],
      ['InitialR2T', 'No'],
    ]);
    expect(initiator.lastLogin().status).toBe(0x0200);
  });

  test('an operational key while security is negotiated: Reject [RFC 7143 §6.3.2]', () => {
    const made = new World();
    made.directory.add();
    const { initiator } = made.connect();
    initiator.loginRequest({ currentStage: 0 }, [...IDENTITY, ['MaxBurstLength', '4096']]);
    expect(initiator.lastLogin().keys).toContainEqual(['MaxBurstLength', 'Reject']);
  });

  test('MaxRecvDataSegmentLength may be declared in any stage [RFC 7143 §13.12]', () => {
    const made = new World();
    made.directory.add();
    const { initiator } = made.connect();
    initiator.loginRequest({ currentStage: 0 }, [
      ...IDENTITY,
      ['MaxRecvDataSegmentLength', '4096'],
    ]);
    expect(initiator.lastLogin().keys).toEqual([['TargetPortalGroupTag', '1']]);
  });

  test('a reinstated connection may not negotiate what belongs to the session [RFC 7143 §6.3.4]', () => {
    const made = new World();
    made.directory.add();
    const { tsih } = made.session().initiator;
    const { initiator } = made.connect();
    initiator.tsih = tsih;
    initiator.loginRequest({ transit: true, nextStage: 3 }, [
      ...IDENTITY,
      ['MaxBurstLength', '4096'],
      ['HeaderDigest', 'None'],
    ]);
    const { status, keys, tsih: again } = initiator.lastLogin();
    expect(status).toBe(0);
    expect(again).toBe(tsih);
    expect(keys).toContainEqual(['MaxBurstLength', 'Reject']);
    expect(keys).toContainEqual(['HeaderDigest', 'None']);
  });
});
